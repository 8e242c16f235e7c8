//! Actions, read and written by the other codec.

use std::ffi::CString;
use std::net::IpAddr;

use netlink_bindings::ovs_flow::*;
use netlink_bindings::traits::Pusher;
use weft_flow::action::{Ct, Nat, NatDirection, SetField, Userspace};
use weft_flow::attr::{Attrs, PutAttr};
use weft_flow::{Action, Field, FlowKey, Header};

use super::key;

/// Reads a list of actions.
pub(super) fn read(bytes: &[u8]) -> Vec<Action> {
    ActionAttrs::new(bytes)
        .map(|action| read_action(action.expect("a whole action")))
        .collect()
}

fn read_action(action: ActionAttrs<'_>) -> Action {
    use ActionAttrs as A;
    match action {
        A::Output(port) => Action::Output(port),
        A::Userspace(parts) => Action::Userspace(read_userspace(parts)),
        A::Set(attrs) => read_set(attrs.get_buf()),
        A::SetMasked(attrs) => read_set_masked(attrs.get_buf()),
        A::PushVlan(tag) => Action::PushVlan {
            tpid: tag.vlan_tpid(),
            tci: tag.vlan_tci(),
        },
        A::PopVlan(()) => Action::PopVlan,
        A::Recirc(id) => Action::Recirc(id),
        A::Ct(parts) => Action::Ct(read_ct(parts)),
        A::Trunc(length) => Action::Truncate(length),
        A::Meter(id) => Action::Meter(id),
        A::Clone(list) => Action::Clone(read(list.get_buf())),
        A::CheckPktLen(parts) => Action::CheckPktLen {
            length: parts.get_pkt_len().expect("a length"),
            greater: read(parts.get_actions_if_greater().expect("a list").get_buf()),
            less_or_equal: read(parts.get_actions_if_less_equal().expect("a list").get_buf()),
        },
        _ => panic!("an attribute that was not written"),
    }
}

fn read_userspace(parts: IterableUserspaceAttrs<'_>) -> Userspace {
    let mut punt = Userspace::default();
    for part in parts {
        match part.expect("a whole attribute") {
            UserspaceAttrs::Pid(pid) => punt.pid = pid,
            UserspaceAttrs::Userdata(bytes) => punt.userdata = bytes.to_vec(),
            UserspaceAttrs::EgressTunPort(port) => punt.egress_tunnel_port = Some(port),
            UserspaceAttrs::Actions(()) => punt.with_actions = true,
        }
    }
    punt
}

/// The header that a set of this attribute writes.
fn header_of(attr: &KeyAttrs<'_>) -> Header {
    use KeyAttrs as K;
    match attr {
        K::Priority(_) => Header::SkbPriority,
        K::SkbMark(_) => Header::SkbMark,
        K::CtMark(_) => Header::CtMark,
        K::CtLabels(_) => Header::CtLabels,
        K::Ethernet(_) => Header::Ethernet,
        K::Ipv4(_) => Header::Ipv4,
        K::Ipv6(_) => Header::Ipv6,
        K::Tcp(_) => Header::Tcp,
        K::Udp(_) => Header::Udp,
        K::Sctp(_) => Header::Sctp,
        _ => panic!("an attribute that was not written"),
    }
}

fn read_set(bytes: &[u8]) -> Action {
    let attr = KeyAttrs::new(bytes)
        .next()
        .expect("an attribute")
        .expect("a whole one");
    if let KeyAttrs::Tunnel(tunnel) = attr {
        let mut key = FlowKey::new();
        key::read_tunnel(tunnel, &mut key);
        return Action::SetTunnel(Box::new(key));
    }
    let values: Vec<_> = key::read(KeyAttrs::new(bytes)).fields().collect();
    Action::set(header_of(&attr), &values)
}

/// A masked set holds the attribute's value and mask one after the other: each is read as an attribute.
fn read_set_masked(bytes: &[u8]) -> Action {
    let attr = Attrs::new(bytes)
        .next()
        .expect("an attribute")
        .expect("a whole one");
    let halves = attr.payload.split_at(attr.payload.len() / 2);
    let [values, masks] = [halves.0, halves.1].map(|half| {
        let mut bytes = Vec::new();
        bytes.put_bytes(attr.kind, half).expect("a short attribute");
        bytes
    });
    let header = KeyAttrs::new(&values)
        .next()
        .expect("an attribute")
        .expect("a whole one");
    let masks = key::read(KeyAttrs::new(&masks));
    let fields: Vec<_> = key::read(KeyAttrs::new(&values))
        .fields()
        .map(|(field, value)| SetField {
            field,
            value,
            mask: masks.get_or_zero(field),
        })
        .collect();
    Action::set_masked(header_of(&header), fields)
}

fn read_ct(parts: IterableCtAttrs<'_>) -> Ct {
    let mut ct = Ct::default();
    for part in parts {
        match part.expect("a whole attribute") {
            CtAttrs::Commit(()) => ct.commit = true,
            CtAttrs::ForceCommit(()) => (ct.commit, ct.force) = (true, true),
            CtAttrs::Zone(zone) => ct.zone = zone,
            CtAttrs::Mark(bytes) => {
                let half =
                    |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
                ct.mark = Some((half(0), half(4)));
            }
            CtAttrs::Labels(bytes) => {
                let half = |at: usize| {
                    u128::from_ne_bytes(bytes[at..at + 16].try_into().expect("16 bytes"))
                };
                ct.labels = Some((half(0), half(16)));
            }
            CtAttrs::Helper(name) => ct.helper = Some(name.to_str().expect("a name").into()),
            CtAttrs::Timeout(name) => ct.timeout = Some(name.to_str().expect("a name").into()),
            CtAttrs::Eventmask(mask) => ct.event_mask = Some(mask),
            CtAttrs::Nat(parts) => ct.nat = Some(read_nat(parts)),
        }
    }
    ct
}

fn read_nat(parts: IterableNatAttrs<'_>) -> Nat {
    let address = |bytes: &[u8]| match <[u8; 4]>::try_from(bytes) {
        Ok(octets) => IpAddr::from(octets),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(bytes).expect("an address")),
    };
    let mut nat = Nat::default();
    let (mut ip, mut ip_max, mut port, mut port_max) = (None, None, None, None);
    for part in parts {
        match part.expect("a whole attribute") {
            NatAttrs::Src(()) => nat.direction = Some(NatDirection::Source),
            NatAttrs::Dst(()) => nat.direction = Some(NatDirection::Destination),
            NatAttrs::IpMin(bytes) => ip = Some(address(bytes)),
            NatAttrs::IpMax(bytes) => ip_max = Some(address(bytes)),
            NatAttrs::ProtoMin(number) => port = Some(number),
            NatAttrs::ProtoMax(number) => port_max = Some(number),
            NatAttrs::Persistent(()) => nat.persistent = true,
            NatAttrs::ProtoHash(()) => nat.proto_hash = true,
            NatAttrs::ProtoRandom(()) => nat.proto_random = true,
        }
    }
    nat.addresses = ip.map(|min| (min, ip_max.unwrap_or(min)));
    nat.ports = port.map(|min| (min, port_max.unwrap_or(min)));
    nat
}

/// Writes a list of actions.
pub(super) fn write(actions: &[Action]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut push = PushActionAttrs::new(&mut bytes);
    for action in actions {
        push = write_action(push, action);
    }
    push.end_nested();
    bytes
}

fn write_action<P: Pusher>(push: PushActionAttrs<P>, action: &Action) -> PushActionAttrs<P> {
    match action {
        Action::Output(port) => push.push_output(*port),
        Action::Userspace(punt) => write_userspace(push.nested_userspace(), punt).end_nested(),
        Action::Set { header, fields } => write_set(push, *header, fields),
        Action::SetTunnel(key) => {
            let set = push.nested_set();
            key::write_tunnel(set.nested_tunnel(), key)
                .end_nested()
                .end_nested()
        }
        Action::PushVlan { tpid, tci } => {
            let mut tag = OvsActionPushVlan::new();
            tag.set_vlan_tpid(*tpid);
            tag.set_vlan_tci(*tci);
            push.push_push_vlan(tag)
        }
        Action::PopVlan => push.push_pop_vlan(()),
        Action::Recirc(id) => push.push_recirc(*id),
        Action::Ct(ct) => write_ct(push.nested_ct(), ct).end_nested(),
        Action::Meter(id) => push.push_meter(*id),
        Action::Truncate(length) => push.push_trunc(*length),
        Action::Clone(list) => nested(push.nested_clone(), list).end_nested(),
        Action::CheckPktLen {
            length,
            greater,
            less_or_equal,
        } => {
            let parts = push.nested_check_pkt_len();
            let parts = nested(parts.nested_actions_if_less_equal(), less_or_equal).end_nested();
            let parts = nested(parts.nested_actions_if_greater(), greater).end_nested();
            parts.push_pkt_len(*length).end_nested()
        }
        Action::Drop(_) | Action::Unknown(_) => panic!("the other codec has no {action}"),
    }
}

/// Fills a nested list; written apart, for its type would nest without end.
fn nested<P: Pusher>(mut push: PushActionAttrs<P>, actions: &[Action]) -> PushActionAttrs<P> {
    push.as_vec_mut().extend(write(actions));
    push
}

fn write_userspace<P: Pusher>(
    mut push: PushUserspaceAttrs<P>,
    punt: &Userspace,
) -> PushUserspaceAttrs<P> {
    if punt.with_actions {
        push = push.push_actions(());
    }
    if !punt.userdata.is_empty() {
        push = push.push_userdata(&punt.userdata);
    }
    if let Some(port) = punt.egress_tunnel_port {
        push = push.push_egress_tun_port(port);
    }
    push.push_pid(punt.pid)
}

/// Writes a whole header as the other codec does, and a part of one as two of its attributes' payloads.
fn write_set<P: Pusher>(
    push: PushActionAttrs<P>,
    header: Header,
    fields: &[SetField],
) -> PushActionAttrs<P> {
    let payload = |bits: fn(&SetField) -> u128| {
        let mut values = FlowKey::new();
        for field in header.fields() {
            let set = fields.iter().find(|set| set.field == field);
            values.set(field, set.map_or(0, bits));
        }
        write_header(header, &values)
    };
    let (value, mask) = (payload(|set| set.value), payload(|set| set.mask));
    let whole = header.fields().all(|field| {
        fields
            .iter()
            .any(|set| set.field == field && set.mask == field.full())
    });
    if whole {
        let mut set = push.nested_set();
        set.as_vec_mut().extend(value);
        return set.end_nested();
    }
    let attr = Attrs::new(&value)
        .next()
        .expect("an attribute")
        .expect("a whole one");
    let masks = Attrs::new(&mask)
        .next()
        .expect("an attribute")
        .expect("a whole one");
    let mut set = push.nested_set_masked();
    let both = [attr.payload, masks.payload].concat();
    set.as_vec_mut()
        .put_bytes(attr.kind, &both)
        .expect("a short attribute");
    set.end_nested()
}

/// Writes a settable header's attribute.
fn write_header(header: Header, values: &FlowKey) -> Vec<u8> {
    let mut like = FlowKey::new();
    for field in header.fields() {
        like.set(field, 0);
    }
    let protocol = match header {
        Header::Tcp => 6,
        Header::Udp => 17,
        Header::Sctp => 132,
        _ => 0,
    };
    like.set(Field::IpProto, protocol);
    let all = key::write_like(values, &like);
    let kind = match header {
        Header::SkbPriority => 2,
        Header::Ethernet => 4,
        Header::Ipv4 => 7,
        Header::Ipv6 => 8,
        Header::Tcp => 9,
        Header::Udp => 10,
        Header::SkbMark => 15,
        Header::Sctp => 17,
        Header::CtMark => 24,
        _ => 25,
    };
    let attr = Attrs::new(&all)
        .map(|attr| attr.expect("a whole attribute"))
        .find(|attr| attr.kind == kind)
        .expect("the header's attribute");
    let mut bytes = Vec::new();
    bytes
        .put_bytes(kind, attr.payload)
        .expect("a short attribute");
    bytes
}

fn write_ct<P: Pusher>(mut push: PushCtAttrs<P>, ct: &Ct) -> PushCtAttrs<P> {
    if let Some(nat) = &ct.nat {
        push = write_nat(push.nested_nat(), nat).end_nested();
    }
    if let Some(name) = &ct.timeout {
        push = push.push_timeout(&CString::new(name.as_str()).expect("a name"));
    }
    if let Some(name) = &ct.helper {
        push = push.push_helper(&CString::new(name.as_str()).expect("a name"));
    }
    if let Some(mask) = ct.event_mask {
        push = push.push_eventmask(mask);
    }
    if let Some((value, mask)) = ct.labels {
        push = push.push_labels(&[value.to_ne_bytes(), mask.to_ne_bytes()].concat());
    }
    if let Some((value, mask)) = ct.mark {
        push = push.push_mark(&[value.to_ne_bytes(), mask.to_ne_bytes()].concat());
    }
    push = push.push_zone(ct.zone);
    match (ct.force, ct.commit) {
        (true, _) => push.push_force_commit(()),
        (false, true) => push.push_commit(()),
        (false, false) => push,
    }
}

fn write_nat<P: Pusher>(mut push: PushNatAttrs<P>, nat: &Nat) -> PushNatAttrs<P> {
    let octets = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    if nat.proto_random {
        push = push.push_proto_random(());
    }
    if nat.proto_hash {
        push = push.push_proto_hash(());
    }
    if nat.persistent {
        push = push.push_persistent(());
    }
    // Both bounds always; one of them suffices where they are equal.
    if let Some((min, max)) = nat.ports {
        push = push.push_proto_max(max).push_proto_min(min);
    }
    if let Some((min, max)) = nat.addresses {
        push = push.push_ip_max(&octets(max)).push_ip_min(&octets(min));
    }
    match nat.direction {
        Some(NatDirection::Source) => push.push_src(()),
        Some(NatDirection::Destination) => push.push_dst(()),
        None => push,
    }
}
