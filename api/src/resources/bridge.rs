//! `/bridges`: virtual layer 2 switches.

use std::sync::Arc;

use axum::Router;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use weft_topology::id::BridgeId;
use weft_topology::{Kind, Object, Topology, bridge};

use super::generic::{self, Resource, missing};
use super::{App, View, chain};
use crate::error::ApiError;
use crate::http::path::Args;
use crate::http::{Media, Number};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/bridges", generic::collection::<Bridge>())
        .route("/bridges/{bridge}", generic::item::<Bridge>())
}

/// A bridge's JSON form.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bridge {
    #[serde(default)]
    id: Option<Uuid>,
    #[serde(default)]
    tenant_id: Option<String>,
    #[serde(default)]
    name: String,
    #[serde(default = "super::generic::yes")]
    admin_state_up: bool,
    #[serde(default)]
    inbound_filter_id: Option<Uuid>,
    #[serde(default)]
    outbound_filter_id: Option<Uuid>,
    /// Weft's own: the network's MTU in bytes.
    #[serde(default)]
    mtu: Option<Number<u16>>,
    /// Weft's own: whether guests' VLANs are bridged.
    #[serde(default)]
    vlan_aware: bool,
    #[serde(flatten, skip_deserializing)]
    links: Links,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Links {
    uri: String,
    ports: String,
    peer_ports: String,
    dhcp_subnets: String,
    dhcp_subnet6s: String,
    mac_table: String,
    vlan_mac_table_template: String,
    arp_table: String,
    inbound_filter: Option<String>,
    outbound_filter: Option<String>,
    vx_lan_ports: String,
    vx_lan_port_ids: [Uuid; 0],
    inbound_mirror_ids: [Uuid; 0],
    outbound_mirror_ids: [Uuid; 0],
}

/// The bridge that a path names.
pub(super) fn of_path(topology: &Topology, args: &Args) -> Result<BridgeId, ApiError> {
    Bridge::find(topology, args).map(|bridge| bridge.id)
}

impl Resource for Bridge {
    type Object = bridge::Bridge;

    const MEDIA: Media = Media::new("Bridge", &[4, 5]);
    const NAMES: &[(&str, &str)] = &[
        ("inboundFilter", "inboundFilterId"),
        ("outboundFilter", "outboundFilterId"),
    ];

    fn list(topology: &Topology, _: &Args) -> Result<Vec<Arc<bridge::Bridge>>, ApiError> {
        let bridges = topology
            .of_kind(Kind::Bridge)
            .filter_map(|object| match object {
                Object::Bridge(bridge) => Some(bridge.clone()),
                _ => None,
            });
        Ok(bridges.collect())
    }

    fn find(topology: &Topology, args: &Args) -> Result<Arc<bridge::Bridge>, ApiError> {
        let id: BridgeId = args.id("bridge")?;
        topology.bridge(id).cloned().ok_or_else(|| missing(id))
    }

    fn show(bridge: &bridge::Bridge, view: &View) -> Self {
        let uri = view.urls.to(&Self::path(bridge, view.topology));
        Self {
            id: Some(bridge.id.0),
            tenant_id: bridge.tenant_id.clone(),
            name: bridge.name.clone(),
            admin_state_up: bridge.admin_state_up,
            inbound_filter_id: bridge.inbound_filter.map(|chain| chain.0),
            outbound_filter_id: bridge.outbound_filter.map(|chain| chain.0),
            mtu: bridge.mtu.map(Number),
            vlan_aware: bridge.vlan_aware,
            links: Links {
                ports: format!("{uri}/ports"),
                peer_ports: format!("{uri}/peer_ports"),
                dhcp_subnets: format!("{uri}/dhcp"),
                dhcp_subnet6s: format!("{uri}/dhcpV6"),
                mac_table: format!("{uri}/mac_table"),
                vlan_mac_table_template: format!("{uri}/vlans/{{vlanId}}/mac_table"),
                arp_table: format!("{uri}/arp_table"),
                inbound_filter: chain::link(bridge.inbound_filter, view),
                outbound_filter: chain::link(bridge.outbound_filter, view),
                vx_lan_ports: format!("{uri}/vxlan_ports"),
                uri,
                ..Links::default()
            },
        }
    }

    fn path(bridge: &bridge::Bridge, _: &Topology) -> String {
        format!("/bridges/{}", bridge.id)
    }

    fn create(self, _: &Topology, _: &Args) -> Result<bridge::Bridge, ApiError> {
        let id = BridgeId(self.id.unwrap_or_else(Uuid::new_v4));
        Ok(self.object(id))
    }

    fn update(
        self,
        old: &bridge::Bridge,
        _: &Topology,
        _: &Args,
    ) -> Result<bridge::Bridge, ApiError> {
        Ok(self.object(old.id))
    }

    fn tenant<'a>(bridge: &'a bridge::Bridge, _: &'a Topology) -> Option<&'a str> {
        bridge.tenant_id.as_deref()
    }
}

impl Bridge {
    fn object(self, id: BridgeId) -> bridge::Bridge {
        bridge::Bridge {
            id,
            tenant_id: self.tenant_id,
            name: self.name,
            admin_state_up: self.admin_state_up,
            inbound_filter: self.inbound_filter_id.map(Into::into),
            outbound_filter: self.outbound_filter_id.map(Into::into),
            mtu: self.mtu.map(|mtu| mtu.0),
            vlan_aware: self.vlan_aware,
        }
    }
}
