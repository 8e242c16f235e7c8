//! What should be carried: the store's bindings, and plugs that it has not answered.

use std::collections::{BTreeMap, BTreeSet};

use weft_topology::id::{HostId, PortId};
use weft_topology::port::{Binding, Port};
use weft_topology::{Object, Snapshot};

use super::{Ask, Carried, Wish, Wishes};
use crate::links::LinkTable;

/// A port that should be carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// By this interface.
    pub interface: String,
    /// The MTU to set on it in bytes; absent: as it is.
    pub mtu: Option<u32>,
}

/// What is known of this host.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The topology.
    pub snapshot: &'a Snapshot,
    /// This host.
    pub host: HostId,
    /// What was asked of it.
    pub wishes: &'a Wishes,
    /// The interfaces that are there.
    pub links: &'a LinkTable,
    /// What is carried.
    pub carried: &'a BTreeMap<PortId, Carried>,
    /// The service cannot be asked.
    pub is_away: bool,
}

/// What this host should carry; no two ports by one interface. The store decides who has a port. A plug
/// that it has not answered counts beside that, if the port is free or this host's as far as this host knows
///
/// - while the service is away,
/// - when it is back, as long as it has not answered: what was begun without it goes on,
/// - when it has granted it at a revision which has not come yet.
///
/// Of a port that the store has given to an interface which is there, the store's word stands.
pub fn desired(now: &Situation<'_>) -> BTreeMap<PortId, Desired> {
    let (snapshot, wishes) = (now.snapshot, now.wishes);
    let moving: BTreeMap<PortId, &str> = wishes
        .plugs()
        .filter(|(interface, wish)| now.counts(interface, wish))
        .map(|(interface, wish)| (wish.port, interface.as_str()))
        .collect();

    let mut all = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for (port, binding) in bound(snapshot, now.host) {
        if now.is_left(port, binding, &moving) || !taken.insert(&*binding.interface) {
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
    for (&id, &interface) in &moving {
        let Some(port) = snapshot.port(id).here() else {
            continue;
        };
        let is_elsewhere = port.binding.as_ref().is_some_and(|of| of.host != now.host);
        let is_done = all.contains_key(&id) || taken.contains(interface);
        if is_elsewhere || is_done || port.peer.is_some() {
            continue;
        }
        let asked = wishes.get(interface).and_then(|wish| wish.mtu);
        all.insert(
            id,
            Desired {
                interface: interface.to_owned(),
                mtu: mtu(snapshot, port, asked),
            },
        );
    }
    all
}

impl Situation<'_> {
    /// Whether a plug counts beside the store's word.
    fn counts(&self, interface: &str, wish: &Wish) -> bool {
        let is_carried = || {
            let is = self.carried.get(&wish.port);
            is.is_some_and(|is| is.interface == interface)
        };
        let revision = self.snapshot.epoch().revision;
        wish.refused.is_none()
            && (self.is_away
                || wish.granted.is_some_and(|granted| granted > revision)
                || (wish.ask != Ask::Answered && is_carried()))
    }

    /// Whether a port has left the interface that the store has it bound to.
    fn is_left(&self, port: &Port, binding: &Binding, moving: &BTreeMap<PortId, &str>) -> bool {
        let is_moving = moving
            .get(&port.id)
            .is_some_and(|interface| *interface != binding.interface);
        self.wishes.is_released(port.id)
            || (is_moving && self.links.get(&binding.interface).is_none())
    }
}

/// The ports that the store has bound to a host.
fn bound(snapshot: &Snapshot, host: HostId) -> impl Iterator<Item = (&Port, &Binding)> {
    snapshot.objects().filter_map(move |object| match object {
        Object::Port(port) => {
            let binding = port.binding.as_ref().filter(|of| of.host == host)?;
            Some((&**port, binding))
        }
        _ => None,
    })
}

/// What was asked for, else the network's. A router's port is an uplink: its MTU is the device's.
fn mtu(snapshot: &Snapshot, port: &Port, asked: Option<u16>) -> Option<u32> {
    let of_network = || {
        let bridge = snapshot.bridge(port.bridge()?).here()?;
        bridge.mtu
    };
    asked.or_else(of_network).map(u32::from)
}
