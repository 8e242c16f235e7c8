//! `/ports`, `/bridges/ID/ports` and `/bridges/ID/peer_ports`: ports of virtual devices.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use weft_topology::id::PortId;
use weft_topology::port::{self, PortDevice};
use weft_topology::{Kind, Object, ObjectId, Topology};

use super::generic::{self, Resource, missing};
use super::port_security::PortSecurity;
use super::{App, View, bridge, chain};
use crate::error::ApiError;
use crate::http::path::Args;
use crate::http::{ByName, Media, Number};
use crate::model::tunnel_key::UNNUMBERED;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/ports", generic::listing::<Port>(Port::list))
        .route("/ports/{port}", generic::item::<Port>())
        .route("/bridges/{bridge}/ports", generic::collection::<Port>())
        .route(
            "/bridges/{bridge}/peer_ports",
            generic::listing::<Port>(peers),
        )
}

/// A port's JSON form.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Port {
    #[serde(default)]
    id: Option<Uuid>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    tenant_id: Option<String>,
    #[serde(default = "super::generic::yes")]
    admin_state_up: bool,
    #[serde(default)]
    inbound_filter_id: Option<Uuid>,
    #[serde(default)]
    outbound_filter_id: Option<Uuid>,
    #[serde(default)]
    vif_id: Option<Uuid>,
    /// 0: none.
    #[serde(default)]
    vlan_id: Number<u16>,
    /// Weft's own: the addresses that may be used here.
    #[serde(default)]
    port_security: Option<ByName<PortSecurity>>,
    #[serde(flatten, skip_deserializing)]
    shown: Shown,
}

/// What cannot be written.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    uri: String,
    device_id: Option<Uuid>,
    device: String,
    peer_id: Option<Uuid>,
    link: String,
    host_id: Option<Uuid>,
    host: Option<String>,
    previous_host_id: Option<Uuid>,
    interface_name: Option<String>,
    /// Whether the host's kernel carries it.
    active: bool,
    tunnel_key: u32,
    inbound_filter: Option<String>,
    outbound_filter: Option<String>,
    port_groups: String,
    peering_table: String,
    port_mac: Option<String>,
    port_address: Option<String>,
    network_address: Option<String>,
    network_length: Option<u8>,
    bgp_status: Option<String>,
    service_container_id: Option<Uuid>,
    rtr_port_vni: u32,
    off_ramp_vxlan: bool,
    inbound_mirror_ids: [Uuid; 0],
    outbound_mirror_ids: [Uuid; 0],
    post_in_filter_mirror_ids: [Uuid; 0],
    pre_out_filter_mirror_ids: [Uuid; 0],
}

/// What a bridge's port may be called in `type`; the longer names are those of MidoNet's first API.
const BRIDGE_KINDS: [&str; 3] = ["Bridge", "ExteriorBridge", "InteriorBridge"];

/// The ports of a device, or of a host, in the order of ids.
pub(super) fn ports_of(topology: &Topology, owner: ObjectId) -> Vec<Arc<port::Port>> {
    let ports = topology.referrers_of_kind(owner, Kind::Port);
    ports.filter_map(as_port).collect()
}

/// The ports that a bridge's interior ports are linked to, in the order of ids.
fn peers(topology: &Topology, args: &Args) -> Result<Vec<Arc<port::Port>>, ApiError> {
    let own = Port::list(topology, args)?;
    let peers: BTreeSet<PortId> = own.iter().filter_map(|port| port.peer).collect();
    let ports = peers
        .into_iter()
        .filter_map(|id| topology.port(id).cloned());
    Ok(ports.collect())
}

/// The port that a path names.
pub(super) fn of_path(topology: &Topology, args: &Args) -> Result<Arc<port::Port>, ApiError> {
    let id: PortId = args.id("port")?;
    topology.port(id).cloned().ok_or_else(|| missing(id))
}

fn as_port(object: &Object) -> Option<Arc<port::Port>> {
    match object {
        Object::Port(port) => Some(port.clone()),
        _ => None,
    }
}

impl Resource for Port {
    type Object = port::Port;

    const MEDIA: Media = Media::new("Port", &[3, 4]);
    const NAMES: &[(&str, &str)] = &[
        ("inboundFilter", "inboundFilterId"),
        ("outboundFilter", "outboundFilterId"),
        ("vlan", "vlanId"),
        ("security", "portSecurity"),
    ];

    fn list(topology: &Topology, args: &Args) -> Result<Vec<Arc<port::Port>>, ApiError> {
        if args.path.contains_key("bridge") {
            let bridge = bridge::of_path(topology, args)?;
            return Ok(ports_of(topology, bridge.into()));
        }
        Ok(topology.of_kind(Kind::Port).filter_map(as_port).collect())
    }

    fn find(topology: &Topology, args: &Args) -> Result<Arc<port::Port>, ApiError> {
        of_path(topology, args)
    }

    fn show(port: &port::Port, view: &View) -> Self {
        let uri = view.urls.to(&Self::path(port, view.topology));
        let host = port.binding.as_ref().map(|binding| binding.host);
        let (kind, device, device_id) = match &port.device {
            PortDevice::Bridge { bridge } => ("Bridge", "bridges", bridge.0),
            PortDevice::Router { router, .. } => ("Router", "routers", router.0),
        };
        Self {
            id: Some(port.id.0),
            kind: Some(kind.to_owned()),
            tenant_id: port.tenant_id.clone(),
            admin_state_up: port.admin_state_up,
            inbound_filter_id: port.inbound_filter.map(|chain| chain.0),
            outbound_filter_id: port.outbound_filter.map(|chain| chain.0),
            vif_id: port.vif_id,
            vlan_id: Number(port.vlan.unwrap_or(0)),
            port_security: port
                .security
                .as_ref()
                .map(|it| ByName(PortSecurity::show(it))),
            shown: Shown {
                device_id: Some(device_id),
                device: view.urls.to(&format!("/{device}/{device_id}")),
                peer_id: port.peer.map(|peer| peer.0),
                link: format!("{uri}/link"),
                host_id: host.map(|host| host.0),
                host: host.map(|host| view.urls.to(&format!("/hosts/{host}"))),
                previous_host_id: port.previous_host.map(|host| host.0),
                interface_name: port
                    .binding
                    .as_ref()
                    .map(|binding| binding.interface.clone()),
                active: host.is_some_and(|host| view.host_state(host).carries(port.id)),
                tunnel_key: port.tunnel_key,
                inbound_filter: chain::link(port.inbound_filter, view),
                outbound_filter: chain::link(port.outbound_filter, view),
                port_groups: format!("{uri}/port_groups"),
                peering_table: format!("{uri}/peering_table"),
                uri,
                ..Shown::default()
            },
        }
    }

    fn path(port: &port::Port, _: &Topology) -> String {
        format!("/ports/{}", port.id)
    }

    fn create(self, topology: &Topology, args: &Args) -> Result<port::Port, ApiError> {
        let bridge = bridge::of_path(topology, args)?;
        if let Some(kind) = &self.kind
            && !BRIDGE_KINDS.contains(&kind.as_str())
        {
            let problem = format!("a bridge has no port of type '{kind}', but of type 'Bridge'");
            return Err(ApiError::property("type", problem));
        }
        Ok(self.over(
            &port::Port {
                id: PortId(Uuid::new_v4()),
                tenant_id: None,
                device: PortDevice::Bridge { bridge },
                admin_state_up: true,
                inbound_filter: None,
                outbound_filter: None,
                port_groups: BTreeSet::new(),
                peer: None,
                binding: None,
                previous_host: None,
                vif_id: None,
                tunnel_key: UNNUMBERED,
                vlan: None,
                security: None,
            },
            true,
        ))
    }

    fn update(self, old: &port::Port, _: &Topology, _: &Args) -> Result<port::Port, ApiError> {
        Ok(self.over(old, false))
    }

    /// A port without a tenant of its own is its device's.
    fn tenant<'a>(port: &'a port::Port, topology: &'a Topology) -> Option<&'a str> {
        let bridge = || topology.bridge(port.bridge()?)?.tenant_id.as_deref();
        let router = || topology.router(port.router()?)?.tenant_id.as_deref();
        port.tenant_id.as_deref().or_else(bridge).or_else(router)
    }

    /// Where it is bound, what it is linked to, and which groups it is in, is not written here.
    fn same_to_clients(a: &port::Port, b: &port::Port) -> bool {
        let written = |port: &port::Port| port::Port {
            peer: None,
            binding: None,
            previous_host: None,
            port_groups: BTreeSet::new(),
            ..port.clone()
        };
        written(a) == written(b)
    }
}

impl Port {
    fn over(self, old: &port::Port, new: bool) -> port::Port {
        let id = self.id.filter(|_| new).map_or(old.id, PortId);
        port::Port {
            id,
            tenant_id: self.tenant_id,
            admin_state_up: self.admin_state_up,
            inbound_filter: self.inbound_filter_id.map(Into::into),
            outbound_filter: self.outbound_filter_id.map(Into::into),
            vif_id: self.vif_id,
            vlan: Some(self.vlan_id.0).filter(|vlan| *vlan != 0),
            security: self.port_security.map(|ByName(it)| it.object()),
            ..old.clone()
        }
    }
}
