//! Connections: whether the kernel has to look a packet up in a zone, and what it says then.
//!
//! A port has a zone of its own, and its packets are looked up in it, both ways, if any rule that may judge them
//! asks for the connection: its own chains', or its bridge's. The zone of the port where a packet enters
//! answers; if no rule there asks, that of the port where it leaves.
//!
//! | pass | packet | what it becomes |
//! |---|---|---|
//! | first | a rule asks | `ct(zone),recirc` |
//! | first | a fragment, and a rule reads the ports | `meter,ct(zone),recirc`: put together, judged whole |
//! | looked up | original, the rules accept | `ct(commit)` in the zones of both ends, `output` |
//! | looked up | original, the rules deny it, and it is [kept](crate::kept) | as a reply |
//! | looked up | a reply, an ICMP error about a connection | `ct` in the other end's zone, `output` |
//! | looked up | invalid, or of a connection that was cut | dropped |
//!
//! Only an original packet commits, and every one does: so an entry that was lost comes back, and a rule that was
//! taken away stops at once what it allowed.
//!
//! What connection tracking knows nothing of (group addresses, what is not IP, neighbour discovery and multicast
//! listeners, which it would call invalid) is judged by its rules alone, as an original packet.

use std::ops::ControlFlow;

use weft_flow::action::Ct;
use weft_flow::present::{ct_state, ethertype, fragment, protocol};
use weft_flow::{Action, Field};
use weft_topology::bridge::Bridge;
use weft_topology::id::{ChainId, PortId};
use weft_topology::port::Port;
use weft_topology::snapshot::Needs;

use crate::metered::Metered;
use crate::pass::Pass;
use crate::probe::Probe;
use crate::reason::Reason;
use crate::trace::What;
use crate::walk::{Flow, Walk};

/// The top bit of a connection's mark: what allowed it was taken away.
pub const CUT: u32 = 1 << 31;

/// Which way a packet goes in its connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    /// As the first packet did; a packet that begins one, too.
    Original,
    /// A reply, or an ICMP error about a connection.
    Return,
}

/// What is known of a packet's connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Connection {
    /// No rule has asked, or connection tracking knows nothing of such packets.
    Unasked,
    /// The zone of a port has said.
    Known(Direction),
    /// It has said that the packet may not pass where rules ask.
    Refused(Reason),
}

/// A stage: looks the packet up in the zone of its ingress port, if a rule there asks.
pub(crate) fn at_ingress(walk: &mut Walk<'_, '_>) -> Flow {
    let needs = needs(walk, walk.ingress)?;
    walk.needs = needs;
    walk.was_fragment = walk.pass.is_some_and(|pass| pass.was_fragment);
    if needs.state && is_trackable(walk.probe) {
        return look_up(walk, walk.ingress.id, walk.zone);
    }
    let in_pieces = needs.transport && is_fragment(walk);
    if in_pieces {
        // The port where it leaves may have to be asked: then that zone puts it together, too. If it can leave by none, the
        // datagram is dropped for that when it is whole.
        let (port, zone) = match crate::bridge::stateful_egress(walk) {
            ControlFlow::Continue(Some(egress)) => egress,
            _ => (walk.ingress.id, walk.zone),
        };
        return demand(walk, port, zone);
    }
    ControlFlow::Continue(())
}

/// The same for the port where it leaves, if none has said yet.
pub(crate) fn at_egress(walk: &mut Walk<'_, '_>, port: &Port, zone: u16, needs: Needs) -> Flow {
    if needs.state && is_trackable(walk.probe) {
        match walk.connection {
            Connection::Unasked => return look_up(walk, port.id, zone),
            Connection::Refused(reason) => return ControlFlow::Break(reason),
            Connection::Known(_) => {}
        }
    }
    if needs.transport && is_fragment(walk) {
        return demand(walk, walk.ingress.id, walk.zone);
    }
    ControlFlow::Continue(())
}

/// Takes what a zone says, or sends the packet there.
fn look_up(walk: &mut Walk<'_, '_>, port: PortId, zone: u16) -> Flow {
    if walk.pass.map(|pass| pass.zone) != Some(zone) {
        return demand(walk, port, zone);
    }
    let known = answer(walk, port);
    walk.connection = known;
    match known {
        Connection::Refused(reason) => ControlFlow::Break(reason),
        _ => ControlFlow::Continue(()),
    }
}

/// What the zone of a port has said.
fn answer(walk: &mut Walk<'_, '_>, port: PortId) -> Connection {
    let probe = &mut *walk.probe;
    let is = |probe: &mut Probe<'_>, bit: u8| probe.is_in(Field::CtState, bit.into(), bit.into());
    if !is(probe, ct_state::TRACKED) || is(probe, ct_state::INVALID) {
        return Connection::Refused(Reason::InvalidConnection(port));
    }
    let direction = match is(probe, ct_state::REPLY) || is(probe, ct_state::RELATED) {
        true => Direction::Return,
        false => Direction::Original,
    };
    probe.step(
        Some(port.into()),
        What::Goes(direction == Direction::Return),
    );
    if direction == Direction::Return && probe.is_in(Field::CtMark, CUT.into(), CUT.into()) {
        return Connection::Refused(Reason::Cut(port));
    }
    Connection::Known(direction)
}

/// Ends this pass: the packet is looked up in a zone, and comes again.
fn demand(walk: &mut Walk<'_, '_>, port: PortId, zone: u16) -> Flow {
    let in_pieces = is_fragment(walk);
    let was_fragment = walk.was_fragment || in_pieces;
    let pass = Pass { zone, was_fragment };
    if walk.pass == Some(pass) || zone == 0 {
        // It was put together there and is still in pieces; or the port is about to go.
        return ControlFlow::Break(Reason::Untrackable(port));
    }
    let number = walk.probe.in_port();
    // What a flood had sent by now, what the packet taught, and what rules said, comes with the next pass.
    walk.probe.lists.effects.clear();
    walk.probe.lists.held.clear();
    walk.probe.logged.clear();
    let actions = &mut walk.probe.lists.actions;
    actions.clear();
    if walk.priority_tagged {
        actions.push(Action::PopVlan);
    }
    if in_pieces {
        actions.push(Metered::Fragment.action(number));
    }
    actions.push(Action::Ct(Ct {
        zone,
        ..Ct::default()
    }));
    actions.push(Action::Recirc(pass.recirc_id()));
    ControlFlow::Break(Reason::Tracked(port))
}

/// What the rules that may judge the packets of a port ask of them.
pub(crate) fn needs(walk: &mut Walk<'_, '_>, port: &Port) -> ControlFlow<Reason, Needs> {
    let (bridge_in, bridge_out) = walk.bridge_filters;
    let chains = [
        port.inbound_filter,
        port.outbound_filter,
        bridge_in,
        bridge_out,
    ];
    walk.probe.tag(weft_topology::Tag::Object(port.id.into()));
    let mut needs = Needs::default();
    for chain in chains.into_iter().flatten() {
        needs = needs.or(needs_of(walk, chain)?);
    }
    ControlFlow::Continue(needs)
}

fn needs_of(walk: &mut Walk<'_, '_>, chain: ChainId) -> ControlFlow<Reason, Needs> {
    let program = crate::filter::program(walk, chain)?;
    ControlFlow::Continue(program.needs)
}

/// The chains of a bridge.
pub(crate) fn filters_of(bridge: &Bridge) -> (Option<ChainId>, Option<ChainId>) {
    (bridge.inbound_filter, bridge.outbound_filter)
}

/// Whether the packet is, as it is now, a fragment of an IP datagram.
fn is_fragment(walk: &mut Walk<'_, '_>) -> bool {
    is_ip(walk.probe) && !walk.probe.is(Field::IpFrag, fragment::NO.into())
}

fn is_ip(probe: &mut Probe<'_>) -> bool {
    probe.is(Field::EthType, ethertype::IPV4.into())
        || probe.is(Field::EthType, ethertype::IPV6.into())
}

/// Whether connection tracking has an entry for such packets.
fn is_trackable(probe: &mut Probe<'_>) -> bool {
    if probe.is_group(Field::EthDst) != Some(false) {
        return false;
    }
    if probe.is(Field::EthType, ethertype::IPV4.into()) {
        return true;
    }
    probe.is(Field::EthType, ethertype::IPV6.into()) && !is_icmpv6_of_the_link(probe)
}

/// Whether it is multicast listener or neighbour discovery (RFC 3810, RFC 4861): ICMPv6 130 to 137, and 143.
fn is_icmpv6_of_the_link(probe: &mut Probe<'_>) -> bool {
    !probe.is(Field::IpFrag, fragment::LATER.into())
        && probe.is(Field::IpProto, protocol::ICMPV6.into())
        && (probe.is_between(Field::IcmpType, 130, 137) || probe.is(Field::IcmpType, 143))
}

/// What an accepted packet does in the connection tables on its way out of a port.
pub(crate) fn enter_tables(walk: &mut Walk<'_, '_>, zone: u16, needs: Needs) {
    let Connection::Known(direction) = walk.connection else {
        return;
    };
    let looked_up = walk.pass.map(|pass| pass.zone);
    let own = (walk.needs.state && !walk.is_sent).then_some(walk.zone);
    let other = needs
        .state
        .then_some(zone)
        .filter(|zone| Some(*zone) != own);
    let zones = match direction {
        Direction::Original if !walk.is_kept => [own, other],
        // It was looked up in one of them; the other's entry shall live on, too.
        Direction::Original | Direction::Return => {
            [None, other.filter(|zone| Some(*zone) != looked_up)]
        }
    };
    let commit = direction == Direction::Original && !walk.is_kept;
    for zone in zones.into_iter().flatten() {
        walk.probe.lists.actions.push(Action::Ct(Ct {
            commit,
            zone,
            // Its value is known when all is read: see `mark`.
            mark: commit.then_some((0, u32::MAX)),
            ..Ct::default()
        }));
    }
}
