//! `/bridges/ID/dhcp`: IPv4 subnets that a bridge answers DHCP for. One is named by its prefix,
//! `10.0.0.0_24`.

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use weft_topology::dhcp::{self, StaticRoute};
use weft_topology::{Kind, Object, Topology};

use super::dhcp_option::DhcpOption;
use super::generic::{self, Resource, missing};
use super::{App, View, bridge};
use crate::error::ApiError;
use crate::http::path::Args;
use crate::http::{Media, Number};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(
            "/bridges/{bridge}/dhcp",
            generic::collection::<DhcpSubnet>(),
        )
        .route(
            "/bridges/{bridge}/dhcp/{subnet}",
            generic::item::<DhcpSubnet>(),
        )
}

/// A DHCP subnet's JSON form.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DhcpSubnet {
    subnet_prefix: Ipv4Addr,
    subnet_length: Number<u8>,
    #[serde(default)]
    default_gateway: Option<Ipv4Addr>,
    #[serde(default)]
    server_addr: Option<Ipv4Addr>,
    #[serde(default)]
    dns_server_addrs: Vec<Ipv4Addr>,
    /// In bytes; 0 and absent: the bridge's.
    #[serde(default, rename = "interfaceMTU")]
    interface_mtu: Option<Number<u16>>,
    #[serde(default)]
    opt121_routes: Vec<Opt121Route>,
    #[serde(default = "super::generic::yes")]
    enabled: bool,
    /// Weft's own: how long a lease lasts.
    #[serde(default)]
    lease_seconds: Option<Number<u32>>,
    /// Weft's own: further options for all hosts.
    #[serde(default)]
    extra_dhcp_opts: Vec<DhcpOption>,
    #[serde(default, skip_deserializing)]
    hosts: String,
    #[serde(default, skip_deserializing)]
    uri: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Opt121Route {
    destination_prefix: Ipv4Addr,
    destination_length: Number<u8>,
    gateway_addr: Ipv4Addr,
}

/// The subnet that a path names.
pub(super) fn of_path(topology: &Topology, args: &Args) -> Result<Arc<dhcp::DhcpSubnet>, ApiError> {
    let bridge = bridge::of_path(topology, args)?;
    let unknown = || ApiError::NotFound(format!("there is no subnet '{}'", args.text("subnet")));
    let prefix = args.text("subnet").replacen('_', "/", 1);
    let prefix: Ipv4Net = prefix.parse().map_err(|_| unknown())?;
    let id = dhcp::DhcpSubnet::id_of(bridge, prefix);
    topology.dhcp_subnet(id).cloned().ok_or_else(|| missing(id))
}

/// The path of a subnet, below the base.
pub(super) fn path_of(subnet: &dhcp::DhcpSubnet) -> String {
    let prefix = subnet.prefix;
    let (addr, length) = (prefix.addr(), prefix.prefix_len());
    format!("/bridges/{}/dhcp/{addr}_{length}", subnet.bridge)
}

impl Resource for DhcpSubnet {
    type Object = dhcp::DhcpSubnet;

    const MEDIA: Media = Media::new("DhcpSubnet", &[2]);
    const NAMES: &[(&str, &str)] = &[
        ("prefix", "subnetPrefix"),
        ("dnsServers", "dnsServerAddrs"),
        ("interfaceMtu", "interfaceMTU"),
        ("staticRoutes", "opt121Routes"),
    ];

    /// In the order of prefixes: clients name a subnet by its place in the list.
    fn list(topology: &Topology, args: &Args) -> Result<Vec<Arc<dhcp::DhcpSubnet>>, ApiError> {
        let bridge = bridge::of_path(topology, args)?;
        let mut subnets: Vec<_> = topology
            .referrers_of_kind(bridge.into(), Kind::DhcpSubnet)
            .filter_map(|object| match object {
                Object::DhcpSubnet(subnet) => Some(subnet.clone()),
                _ => None,
            })
            .collect();
        subnets.sort_by_key(|subnet| subnet.prefix);
        Ok(subnets)
    }

    fn find(topology: &Topology, args: &Args) -> Result<Arc<dhcp::DhcpSubnet>, ApiError> {
        of_path(topology, args)
    }

    fn show(subnet: &dhcp::DhcpSubnet, view: &View) -> Self {
        let uri = view.urls.to(&path_of(subnet));
        let routes = subnet.static_routes.iter().map(|route| Opt121Route {
            destination_prefix: route.destination.addr(),
            destination_length: Number(route.destination.prefix_len()),
            gateway_addr: route.gateway,
        });
        Self {
            subnet_prefix: subnet.prefix.addr(),
            subnet_length: Number(subnet.prefix.prefix_len()),
            default_gateway: subnet.default_gateway,
            server_addr: subnet.server_addr,
            dns_server_addrs: subnet.dns_servers.clone(),
            interface_mtu: subnet.interface_mtu.map(Number),
            opt121_routes: routes.collect(),
            enabled: subnet.enabled,
            lease_seconds: subnet.lease_seconds.map(Number),
            extra_dhcp_opts: DhcpOption::show(&subnet.options),
            hosts: format!("{uri}/hosts"),
            uri,
        }
    }

    fn path(subnet: &dhcp::DhcpSubnet, _: &Topology) -> String {
        path_of(subnet)
    }

    fn create(self, topology: &Topology, args: &Args) -> Result<dhcp::DhcpSubnet, ApiError> {
        let bridge = bridge::of_path(topology, args)?;
        let prefix = prefix("subnetLength", self.subnet_prefix, self.subnet_length)?;
        let routes = self.opt121_routes.iter().map(|route| {
            let length = route.destination_length;
            Ok(StaticRoute {
                destination: self::prefix("opt121Routes", route.destination_prefix, length)?,
                gateway: route.gateway_addr,
            })
        });
        Ok(dhcp::DhcpSubnet {
            id: dhcp::DhcpSubnet::id_of(bridge, prefix),
            bridge,
            prefix,
            enabled: self.enabled,
            server_addr: self.server_addr,
            default_gateway: self.default_gateway,
            static_routes: routes.collect::<Result<_, ApiError>>()?,
            dns_servers: self.dns_server_addrs,
            interface_mtu: self.interface_mtu.map(|mtu| mtu.0).filter(|mtu| *mtu != 0),
            lease_seconds: self.lease_seconds.map(|seconds| seconds.0),
            options: DhcpOption::objects(self.extra_dhcp_opts)?,
        })
    }

    fn update(
        self,
        old: &dhcp::DhcpSubnet,
        topology: &Topology,
        args: &Args,
    ) -> Result<dhcp::DhcpSubnet, ApiError> {
        let new = self.create(topology, args)?;
        if new.prefix != old.prefix {
            let problem = format!("the prefix of a subnet cannot change; it is {}", old.prefix);
            return Err(ApiError::property("subnetPrefix", problem));
        }
        Ok(new)
    }
}

fn prefix(property: &str, addr: Ipv4Addr, length: Number<u8>) -> Result<Ipv4Net, ApiError> {
    Ipv4Net::new(addr, length.0)
        .map_err(|_| ApiError::property(property, format!("{} is not within 0 to 32", length.0)))
}
