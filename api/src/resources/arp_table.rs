//! `/bridges/ID/arp_table`: whom the bridge answers ARP and neighbour solicitations for. One is named
//! by address and MAC, `10.0.0.1_02-00-00-00-00-01`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use serde::{Deserialize, Serialize};
use weft_topology::bridge::ArpEntry;
use weft_topology::{Kind, MacAddr, Object, Topology};

use super::generic::{self, Resource};
use super::{App, View, bridge};
use crate::error::ApiError;
use crate::http::Media;
use crate::http::path::{Args, parse_mac};

pub(super) fn routes() -> Router<App> {
    const TABLE: &str = "/bridges/{bridge}/arp_table";
    Router::new()
        .route(TABLE, generic::collection::<IpMac>())
        .route(&format!("{TABLE}/{{entry}}"), generic::entry::<IpMac>())
}

/// An ARP table entry's JSON form.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IpMac {
    ip: IpAddr,
    mac: MacAddr,
    #[serde(default, skip_deserializing)]
    uri: String,
}

impl Resource for IpMac {
    type Object = ArpEntry;

    const MEDIA: Media = Media::new("IP4Mac", &[1]);

    fn list(topology: &Topology, args: &Args) -> Result<Vec<Arc<ArpEntry>>, ApiError> {
        let bridge = bridge::of_path(topology, args)?;
        let mut entries: Vec<_> = topology
            .referrers_of_kind(bridge.into(), Kind::ArpEntry)
            .filter_map(|object| match object {
                Object::ArpEntry(entry) => Some(entry.clone()),
                _ => None,
            })
            .collect();
        entries.sort_by_key(|entry| entry.ip);
        Ok(entries)
    }

    fn find(topology: &Topology, args: &Args) -> Result<Arc<ArpEntry>, ApiError> {
        let bridge = bridge::of_path(topology, args)?;
        let unknown = || args.unknown("entry");
        let (ip, mac) = args.pair("entry")?;
        let ip: IpAddr = ip.parse().map_err(|_| unknown())?;
        let mac = parse_mac(mac).ok_or_else(unknown)?;
        match topology.object(ArpEntry::new(bridge, ip, mac).id.into()) {
            Some(Object::ArpEntry(entry)) if entry.mac == mac => Ok(entry.clone()),
            _ => Err(unknown()),
        }
    }

    fn show(entry: &ArpEntry, view: &View) -> Self {
        Self {
            ip: entry.ip,
            mac: entry.mac,
            uri: view.urls.to(&Self::path(entry, view.topology)),
        }
    }

    fn path(entry: &ArpEntry, _: &Topology) -> String {
        let mac = entry.mac.to_string().replace(':', "-");
        format!("/bridges/{}/arp_table/{}_{mac}", entry.bridge, entry.ip)
    }

    fn create(self, topology: &Topology, args: &Args) -> Result<ArpEntry, ApiError> {
        let bridge = bridge::of_path(topology, args)?;
        Ok(ArpEntry::new(bridge, self.ip, self.mac))
    }

    fn update(self, _: &ArpEntry, topology: &Topology, args: &Args) -> Result<ArpEntry, ApiError> {
        self.create(topology, args)
    }
}
