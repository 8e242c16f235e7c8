//! The bridge: its administrative state, and its table of MACs.
//!
//! The table has two parts. What was learned wins over what the operator wrote, and the newest place
//! wins over the older. An entry whose port is no longer carried here, or no longer the bridge's,
//! counts for nothing if it was learned; a persistent one says where the station is all the same.

use std::ops::ControlFlow;

use weft_flow::Field;
use weft_topology::id::PortId;
use weft_topology::{MacAddr, Tag};

use crate::connection;
use crate::effect::Effect;
use crate::filter;
use crate::reason::Reason;
use crate::trace::What;
use crate::walk::{Flow, Sent, Walk};

/// Ends at a bridge that is not there or administratively down.
pub(crate) fn is_up(walk: &mut Walk<'_, '_>) -> Flow {
    let id = walk.bridge;
    walk.probe.tag(Tag::Object(id.into()));
    let Some(bridge) = walk.probe.loaded(id.into(), walk.snapshot.bridge(id))? else {
        return ControlFlow::Break(Reason::NoSuchBridge(id));
    };
    if !bridge.admin_state_up {
        return ControlFlow::Break(Reason::BridgeDown(id));
    }
    walk.vlan_aware = bridge.vlan_aware;
    walk.bridge_filters = connection::filters_of(bridge);
    walk.probe.step(Some(id.into()), What::Bridged);
    ControlFlow::Continue(())
}

/// Teaches the table that the source is behind the ingress port.
pub(crate) fn learn(walk: &mut Walk<'_, '_>) -> Flow {
    let (bridge, vlan, port) = (walk.bridge, walk.vlan, walk.ingress.id);
    let Some(mac) = walk.probe.mac(Field::EthSrc) else {
        return ControlFlow::Continue(());
    };
    walk.taught = Some(mac);
    if walk.probe.learned_mac(bridge, vlan, mac) == Some(port) {
        walk.probe.step(Some(port.into()), What::FromKnown(mac));
        return ControlFlow::Continue(());
    }
    walk.probe.step(Some(port.into()), What::Teaches(mac));
    walk.probe.lists.effects.push(Effect::Learn {
        bridge,
        vlan,
        mac,
        port,
    });
    ControlFlow::Continue(())
}

/// Sends a frame to where the table has its destination. Goes on where no table has it, and with
/// group addresses, which never stand in one.
pub(crate) fn look_up(walk: &mut Walk<'_, '_>) -> Flow {
    let Some(mac) = station(walk) else {
        return ControlFlow::Continue(());
    };
    let Some(id) = place_of(walk, mac)? else {
        walk.probe
            .step(Some(walk.bridge.into()), What::Unknown(mac));
        return ControlFlow::Continue(());
    };
    if id == walk.ingress.id {
        return ControlFlow::Break(Reason::Hairpin(id));
    }
    let Some((local, port)) = walk.port_here(id)? else {
        return ControlFlow::Break(Reason::NotHere(id));
    };
    if !port.admin_state_up {
        walk.hold_back(id, Reason::EgressDown(id));
        return ControlFlow::Break(Reason::EgressDown(id));
    }
    match walk.send(port, local)? {
        Sent::Out => ControlFlow::Break(Reason::Unicast(id)),
        Sent::Held(reason) => ControlFlow::Break(reason),
        Sent::Rejected(rule) => filter::rejected(walk, rule),
    }
}

/// The destination, if it is a station's.
fn station(walk: &mut Walk<'_, '_>) -> Option<MacAddr> {
    let is_group = walk.probe.is_group(Field::EthDst)?;
    if is_group {
        None
    } else {
        walk.probe.mac(Field::EthDst)
    }
}

/// The port by which the frame would leave, with its zone, if rules there ask for its connection.
pub(crate) fn stateful_egress(
    walk: &mut Walk<'_, '_>,
) -> ControlFlow<Reason, Option<(PortId, u16)>> {
    let Some(mac) = station(walk) else {
        return ControlFlow::Continue(None);
    };
    let Some(id) = place_of(walk, mac)? else {
        return ControlFlow::Continue(None);
    };
    let Some((local, port)) = walk.port_here(id)? else {
        return ControlFlow::Continue(None);
    };
    let needs = connection::needs(walk, port)?;
    ControlFlow::Continue(needs.state.then_some((id, local.zone())))
}

/// The port behind which a station is.
fn place_of(walk: &mut Walk<'_, '_>, mac: MacAddr) -> ControlFlow<Reason, Option<PortId>> {
    if walk.taught == Some(mac) {
        return ControlFlow::Continue(Some(walk.ingress.id));
    }
    if let Some(port) = walk.probe.learned_mac(walk.bridge, walk.vlan, mac)
        && walk.port_here(port)?.is_some()
    {
        walk.probe.step(Some(port.into()), What::Learned(mac));
        return ControlFlow::Continue(Some(port));
    }
    let entry = walk.snapshot.mac_entry(walk.bridge, walk.vlan, mac);
    if let Some(port) = entry {
        walk.probe.step(Some(port.into()), What::Persistent(mac));
    }
    ControlFlow::Continue(entry)
}
