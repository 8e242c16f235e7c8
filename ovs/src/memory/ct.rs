//! The action ct on a packet, in the order of `net/openvswitch/conntrack.c`: find the connection, say its state
//! in the key, translate, enter it.

use std::net::IpAddr;

use weft_flow::action::{Ct, Nat, NatDirection, SetField};
use weft_flow::present::protocol;
use weft_flow::{Field, FlowKey, Header};

use super::conntrack::{Connection, Connections, Place};
use super::forward::Packet;
use super::rewrite;
use super::tuple::{self, v4, v6};
use crate::conntrack::{Part, Tuple, may_begin, tuple_of};

/// `OVS_CS_F_*` of `include/uapi/linux/openvswitch.h`.
const NEW: u128 = 0x01;
const ESTABLISHED: u128 = 0x02;
const RELATED: u128 = 0x04;
const REPLY: u128 = 0x08;
const INVALID: u128 = 0x10;
const TRACKED: u128 = 0x20;
const SOURCE_NAT: u128 = 0x40;
const DESTINATION_NAT: u128 = 0x80;

/// What a zone makes of a packet.
struct Seen {
    tuple: Option<Tuple>,
    place: Option<Place>,
    /// It is an ICMP error about the connection of its place.
    is_related: bool,
}

impl Connections {
    /// Carries the action out; `None`: the packet is dropped, as it cannot be translated or entered as asked.
    pub(super) fn track(&mut self, packet: &mut Packet, ct: &Ct) -> Option<()> {
        let Some(seen) = self.see(packet, ct.zone) else {
            write_state(&mut packet.key, ct.zone, TRACKED | INVALID, None);
            return Some(());
        };
        let place = seen.place;
        let before = place.and_then(|place| self.get(place));
        let known = seen
            .tuple
            .and_then(|tuple| self.known(&packet.key, ct.zone, tuple));
        if known.is_none() {
            self.say(packet, ct.zone, &seen);
        }
        let is_translated =
            packet.key.get_or_zero(Field::CtState) & (SOURCE_NAT | DESTINATION_NAT) != 0;
        match (place.zip(before), &ct.nat) {
            (Some((place, connection)), Some(nat)) if !is_translated && !seen.is_related => {
                // What an earlier answer was has been noted by now.
                let connection = self.get(place).unwrap_or(connection);
                apply_nat(packet, place, connection, nat)?;
            }
            (None, nat) if ct.commit => {
                let connection = begun(ct, seen.tuple?)?;
                let place = self.commit(connection)?;
                if let Some(nat) = nat {
                    apply_nat(packet, place, connection, nat)?;
                }
                self.mark(packet, place, ct);
            }
            _ => {}
        }
        if let Some(place) = place.filter(|_| ct.commit) {
            self.mark(packet, place, ct);
        }
        Some(())
    }

    /// Where a packet belongs, or that it may begin a connection; none where it is invalid.
    fn see(&self, packet: &Packet, zone: u16) -> Option<Seen> {
        let transport = packet.transport();
        let Some(tuple) = tuple_of(&packet.key, transport) else {
            let place = self.related(&packet.key, zone, transport)?;
            return Some(Seen {
                tuple: None,
                place: Some(place),
                is_related: true,
            });
        };
        let known = self.known(&packet.key, zone, tuple);
        let place = known.or_else(|| self.find(zone, tuple));
        (place.is_some() || may_begin(&packet.key, tuple)).then_some(Seen {
            tuple: Some(tuple),
            place,
            is_related: false,
        })
    }

    /// The connection of a packet that this zone has seen already in an earlier pass.
    fn known(&self, key: &FlowKey, zone: u16, tuple: Tuple) -> Option<Place> {
        let state = key.get_or_zero(Field::CtState);
        let is_known =
            state & TRACKED != 0 && state & INVALID == 0 && key.u16(Field::CtZone) == Some(zone);
        match state & (SOURCE_NAT | DESTINATION_NAT) {
            _ if !is_known => None,
            0 => self.find(zone, tuple),
            _ => self.find_translated(zone, tuple),
        }
    }

    /// Writes what was seen into the packet's key.
    fn say(&mut self, packet: &mut Packet, zone: u16, seen: &Seen) {
        if let Some(place) = seen.place.filter(|it| it.is_reply && !seen.is_related) {
            self.answered(place);
        }
        let connection = seen.place.and_then(|place| self.get(place));
        let state = match seen.place.zip(connection) {
            Some((place, _)) if seen.is_related && place.is_reply => RELATED | REPLY,
            Some(_) if seen.is_related => RELATED,
            Some((place, _)) if place.is_reply => ESTABLISHED | REPLY,
            Some((_, connection)) if connection.is_answered => ESTABLISHED,
            _ => NEW,
        };
        let original = connection.map(|it| it.original).or(seen.tuple);
        write_state(&mut packet.key, zone, TRACKED | state, original);
        let mark = connection.map_or(0, |connection| connection.mark);
        packet.key.set(Field::CtMark, mark.into());
    }

    /// Writes the action's mark into a connection and the packet's key.
    fn mark(&mut self, packet: &mut Packet, place: Place, ct: &Ct) {
        if let Some(mark) = ct.mark.and_then(|bits| self.commit_mark(place, bits)) {
            packet.key.set(Field::CtMark, mark.into());
        }
    }
}

/// The connection that a packet with this tuple begins.
fn begun(ct: &Ct, original: Tuple) -> Option<Connection> {
    let wanted = ct.nat.as_ref().and_then(|nat| {
        let (address, _) = nat.addresses?;
        Some((nat.direction?, address, nat.ports.map(|(port, _)| port)))
    });
    let translated = wanted.map_or(original, |(direction, address, port)| {
        tuple::translated(original, direction, address, port)
    });
    Some(Connection {
        zone: ct.zone,
        original,
        reply: translated.inverse()?,
        nat: wanted.map(|(direction, ..)| direction),
        mark: 0,
        is_answered: false,
    })
}

fn write_state(key: &mut FlowKey, zone: u16, state: u128, original: Option<Tuple>) {
    for field in [
        Field::CtV4Src,
        Field::CtV4Dst,
        Field::CtV6Src,
        Field::CtV6Dst,
    ] {
        key.clear(field);
    }
    for field in [Field::CtProto, Field::CtTpSrc, Field::CtTpDst] {
        key.clear(field);
    }
    key.set(Field::CtState, state);
    key.set(Field::CtZone, zone.into());
    key.set(Field::CtMark, 0).set(Field::CtLabels, 0);
    if let Some(original) = original {
        tuple::write_original(original, key);
    }
}

/// Translates a packet as its connection wants it; `None`: it cannot be.
fn apply_nat(packet: &mut Packet, place: Place, connection: Connection, nat: &Nat) -> Option<()> {
    let is_established = place.is_reply || connection.is_answered;
    let of_connection = connection.nat.filter(|_| is_established);
    let direction = match of_connection {
        Some(direction) if place.is_reply => opposite(direction),
        Some(direction) => direction,
        // A packet before the first answer is translated where the action says how.
        None if connection.nat.is_some() && connection.nat == nat.direction => nat.direction?,
        None => return Some(()),
    };
    let towards = match place.is_reply {
        true => connection.original.inverse()?,
        false => connection.reply.inverse()?,
    };
    rewrite(packet, direction, towards)?;
    let done = match direction {
        NatDirection::Source => SOURCE_NAT,
        NatDirection::Destination => DESTINATION_NAT,
    };
    let state = packet.key.get_or_zero(Field::CtState) | done;
    packet.key.set(Field::CtState, state);
    Some(())
}

fn opposite(direction: NatDirection) -> NatDirection {
    match direction {
        NatDirection::Source => NatDirection::Destination,
        NatDirection::Destination => NatDirection::Source,
    }
}

/// Writes one side of a tuple into a packet.
fn rewrite(packet: &mut Packet, direction: NatDirection, towards: Tuple) -> Option<()> {
    let is_source = direction == NatDirection::Source;
    let pick = |source, destination| if is_source { source } else { destination };
    let (header, field, value) = match pick(towards.source, towards.destination) {
        IpAddr::V4(address) => (
            Header::Ipv4,
            pick_field(is_source, Field::Ipv4Src, Field::Ipv4Dst),
            v4(address),
        ),
        IpAddr::V6(address) => (
            Header::Ipv6,
            pick_field(is_source, Field::Ipv6Src, Field::Ipv6Dst),
            v6(address),
        ),
    };
    rewrite::set(packet, header, &[SetField::whole(field, value)])?;
    let Part::Ports {
        source,
        destination,
    } = towards.part
    else {
        return Some(());
    };
    let header = match towards.protocol {
        protocol::TCP => Header::Tcp,
        protocol::UDP => Header::Udp,
        _ => return Some(()),
    };
    let (field, port) = match is_source {
        true => (Field::TpSrc, source),
        false => (Field::TpDst, destination),
    };
    rewrite::set(packet, header, &[SetField::whole(field, port.into())])
}

fn pick_field(is_source: bool, source: Field, destination: Field) -> Field {
    if is_source { source } else { destination }
}
