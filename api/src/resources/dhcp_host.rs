//! `/bridges/ID/dhcp/PREFIX/hosts`: who gets which address. One is named by its MAC.

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use serde::{Deserialize, Serialize};
use weft_topology::{Kind, MacAddr, Object, Topology, dhcp};

use super::dhcp_option::DhcpOption;
use super::generic::{self, Resource, missing};
use super::{App, View, dhcp_subnet};
use crate::error::ApiError;
use crate::http::Media;
use crate::http::path::Args;

pub(super) fn routes() -> Router<App> {
    const HOSTS: &str = "/bridges/{bridge}/dhcp/{subnet}/hosts";
    Router::new()
        .route(HOSTS, generic::collection::<DhcpHost>())
        .route(&format!("{HOSTS}/{{mac}}"), generic::item::<DhcpHost>())
}

/// A DHCP host's JSON form.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DhcpHost {
    mac_addr: MacAddr,
    ip_addr: Ipv4Addr,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    extra_dhcp_opts: Vec<DhcpOption>,
    #[serde(default, skip_deserializing)]
    uri: String,
}

impl Resource for DhcpHost {
    type Object = dhcp::DhcpHost;

    const MEDIA: Media = Media::new("DhcpHost", &[2]);
    const NAMES: &[(&str, &str)] = &[("mac", "macAddr"), ("addr", "ipAddr")];

    fn list(topology: &Topology, args: &Args) -> Result<Vec<Arc<dhcp::DhcpHost>>, ApiError> {
        let subnet = dhcp_subnet::of_path(topology, args)?;
        let mut hosts: Vec<_> = topology
            .referrers_of_kind(subnet.id.into(), Kind::DhcpHost)
            .filter_map(|object| match object {
                Object::DhcpHost(host) => Some(host.clone()),
                _ => None,
            })
            .collect();
        hosts.sort_by_key(|host| host.mac);
        Ok(hosts)
    }

    fn find(topology: &Topology, args: &Args) -> Result<Arc<dhcp::DhcpHost>, ApiError> {
        let subnet = dhcp_subnet::of_path(topology, args)?;
        let id = dhcp::DhcpHost::id_of(subnet.id, args.mac("mac")?);
        topology.dhcp_host(id).cloned().ok_or_else(|| missing(id))
    }

    fn path(host: &dhcp::DhcpHost, topology: &Topology) -> String {
        let subnet = topology.dhcp_subnet(host.subnet);
        let subnet = subnet.map(|subnet| dhcp_subnet::path_of(subnet));
        format!("{}/hosts/{}", subnet.unwrap_or_default(), host.mac)
    }

    fn show(host: &dhcp::DhcpHost, view: &View) -> Self {
        Self {
            mac_addr: host.mac,
            ip_addr: host.addr,
            name: host.name.clone(),
            extra_dhcp_opts: DhcpOption::show(&host.options),
            uri: view.urls.to(&Self::path(host, view.topology)),
        }
    }

    fn create(self, topology: &Topology, args: &Args) -> Result<dhcp::DhcpHost, ApiError> {
        let subnet = dhcp_subnet::of_path(topology, args)?;
        Ok(dhcp::DhcpHost {
            id: dhcp::DhcpHost::id_of(subnet.id, self.mac_addr),
            subnet: subnet.id,
            bridge: subnet.bridge,
            mac: self.mac_addr,
            addr: self.ip_addr,
            name: self.name,
            options: DhcpOption::objects(self.extra_dhcp_opts)?,
        })
    }

    fn update(
        self,
        old: &dhcp::DhcpHost,
        topology: &Topology,
        args: &Args,
    ) -> Result<dhcp::DhcpHost, ApiError> {
        let new = self.create(topology, args)?;
        if new.mac != old.mac {
            let problem = format!("the MAC of a host cannot change; it is {}", old.mac);
            return Err(ApiError::property("macAddr", problem));
        }
        Ok(new)
    }
}
