//! `/bridges/ID/mac_table` and `/bridges/ID/vlans/V/mac_table`: where a MAC is, told by the operator.
//! One is named by MAC and port, `02-00-00-00-00-01_PORT`. The first lists the entries of all VLANs.

use std::sync::Arc;

use axum::Router;
use serde::{Deserialize, Serialize};
use weft_topology::bridge::MacEntry;
use weft_topology::id::{MacEntryId, PortId};
use weft_topology::{Kind, MacAddr, Object, Topology};

use super::generic::{self, Resource};
use super::{App, View, bridge};
use crate::error::ApiError;
use crate::http::path::{Args, parse_mac};
use crate::http::{Media, Number};

pub(super) fn routes() -> Router<App> {
    [
        "/bridges/{bridge}/mac_table",
        "/bridges/{bridge}/vlans/{vlan}/mac_table",
    ]
    .into_iter()
    .fold(Router::new(), |router, table| {
        router
            .route(table, generic::collection::<MacPort>())
            .route(&format!("{table}/{{entry}}"), generic::entry::<MacPort>())
    })
}

/// A MAC table entry's JSON form.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MacPort {
    mac_addr: MacAddr,
    port_id: PortId,
    /// 0: untagged.
    #[serde(default)]
    vlan_id: Number<u16>,
    #[serde(default, skip_deserializing)]
    uri: String,
}

/// The VLAN that a path names, if it names one.
fn vlan_of(args: &Args) -> Result<Option<u16>, ApiError> {
    let named = args.path.contains_key("vlan");
    named.then(|| args.key("vlan")).transpose()
}

impl Resource for MacPort {
    type Object = MacEntry;

    const MEDIA: Media = Media::new("MacPort", &[2]);
    const NAMES: &[(&str, &str)] = &[("mac", "macAddr"), ("port", "portId"), ("vlan", "vlanId")];

    fn list(topology: &Topology, args: &Args) -> Result<Vec<Arc<MacEntry>>, ApiError> {
        let bridge = bridge::of_path(topology, args)?;
        let vlan = vlan_of(args)?;
        let mut entries: Vec<_> = topology
            .referrers_of_kind(bridge.into(), Kind::MacEntry)
            .filter_map(|object| match object {
                Object::MacEntry(entry) => Some(entry.clone()),
                _ => None,
            })
            .filter(|entry| vlan.is_none_or(|vlan| entry.vlan == vlan))
            .collect();
        entries.sort_by_key(|entry| (entry.vlan, entry.mac));
        Ok(entries)
    }

    fn find(topology: &Topology, args: &Args) -> Result<Arc<MacEntry>, ApiError> {
        let bridge = bridge::of_path(topology, args)?;
        let unknown = || args.unknown("entry");
        let (mac, port) = args.pair("entry")?;
        let mac = parse_mac(mac).ok_or_else(unknown)?;
        let port: PortId = port.parse().map_err(|_| unknown())?;
        let id: MacEntryId = MacEntry::new(bridge, vlan_of(args)?.unwrap_or(0), mac, port).id;
        match topology.object(id.into()) {
            Some(Object::MacEntry(entry)) if entry.port == port => Ok(entry.clone()),
            _ => Err(unknown()),
        }
    }

    fn show(entry: &MacEntry, view: &View) -> Self {
        Self {
            mac_addr: entry.mac,
            port_id: entry.port,
            vlan_id: Number(entry.vlan),
            uri: view.urls.to(&Self::path(entry, view.topology)),
        }
    }

    fn path(entry: &MacEntry, _: &Topology) -> String {
        let vlan = match entry.vlan {
            0 => String::new(),
            vlan => format!("/vlans/{vlan}"),
        };
        let mac = entry.mac.to_string().replace(':', "-");
        format!(
            "/bridges/{}{vlan}/mac_table/{mac}_{}",
            entry.bridge, entry.port
        )
    }

    fn create(self, topology: &Topology, args: &Args) -> Result<MacEntry, ApiError> {
        let bridge = bridge::of_path(topology, args)?;
        let vlan = vlan_of(args)?.unwrap_or(self.vlan_id.0);
        Ok(MacEntry::new(bridge, vlan, self.mac_addr, self.port_id))
    }

    fn update(self, _: &MacEntry, topology: &Topology, args: &Args) -> Result<MacEntry, ApiError> {
        self.create(topology, args)
    }
}
