//! What should be carried: the store's bindings, and plugs that it has not answered.

use std::collections::{BTreeMap, BTreeSet};

use weft_topology::id::{HostId, PortId};
use weft_topology::port::Port;
use weft_topology::{Object, Snapshot};

use super::Wishes;

/// A port that should be carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// By this interface.
    pub interface: String,
    /// The MTU to set on it; absent: as it is.
    pub mtu: Option<u32>,
}

/// What this host should carry. The store decides who has a port. A plug that it has not answered
/// counts while the service is away, if the port is free as far as this host knows; so does one that it
/// has granted at a revision which has not come yet.
pub fn desired(
    snapshot: &Snapshot,
    host: HostId,
    wishes: &Wishes,
    away: bool,
) -> BTreeMap<PortId, Desired> {
    let mut all = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for object in snapshot.objects() {
        let Object::Port(port) = object else { continue };
        let Some(binding) = port.binding.as_ref().filter(|of| of.host == host) else {
            continue;
        };
        if wishes.is_released(port.id, &binding.interface) || !taken.insert(&*binding.interface) {
            continue;
        }
        let asked = wishes
            .get(&binding.interface)
            .filter(|wish| wish.port == port.id)
            .and_then(|wish| wish.mtu);
        all.insert(
            port.id,
            Desired {
                interface: binding.interface.clone(),
                mtu: mtu(snapshot, port, asked),
            },
        );
    }
    for (interface, wish) in wishes.plugs() {
        let granted = wish
            .granted
            .is_some_and(|revision| revision > snapshot.epoch().revision);
        if !(away || granted) || wish.refused.is_some() || taken.contains(&**interface) {
            continue;
        }
        let Some(port) = snapshot.port(wish.port).here() else {
            continue;
        };
        // Bound here but by another interface: the store's word stands.
        if port.binding.is_none() && port.peer.is_none() {
            all.entry(port.id).or_insert_with(|| Desired {
                interface: interface.clone(),
                mtu: mtu(snapshot, port, wish.mtu),
            });
        }
    }
    all
}

/// What was asked for, else the network's. A router's port is an uplink: its MTU is the device's.
fn mtu(snapshot: &Snapshot, port: &Port, asked: Option<u16>) -> Option<u32> {
    let of_network = || {
        let bridge = snapshot.bridge(port.bridge()?).here()?;
        bridge.mtu
    };
    asked.or_else(of_network).map(u32::from)
}
