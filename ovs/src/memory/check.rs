//! Which actions a datapath in memory takes, by the kernel's rules (`__ovs_nla_copy_actions` of
//! `net/openvswitch/flow_netlink.c`) and by what it can do.

use weft_flow::action::{Ct, Nat, SetField, Userspace};
use weft_flow::present::{ethertype, protocol};
use weft_flow::{Action, Field, FlowKey, Header};

use super::keep::Wrong;
use super::ports::MAX_PORTS;
use weft_flow::present::VLAN_PRESENT;

/// Whether actions may be carried out on packets with this key: a flow's has only the bits that count.
pub(super) fn actions(actions: &[Action], key: &FlowKey) -> Result<(), Wrong> {
    let before_last = actions.split_last().map_or(&[][..], |(_, rest)| rest);
    if before_last.iter().any(|it| matches!(it, Action::Drop(_))) {
        return Err(Wrong::refused("actions after a drop"));
    }
    actions.iter().try_for_each(|action| check(action, key))
}

fn check(action: &Action, key: &FlowKey) -> Result<(), Wrong> {
    match action {
        Action::Output(port) if *port >= MAX_PORTS => Err(Wrong::refused("output to no port")),
        Action::Output(_)
        | Action::PopVlan
        | Action::Recirc(_)
        | Action::SetTunnel(_)
        | Action::Meter(_)
        | Action::Drop(_) => Ok(()),
        Action::Userspace(userspace) => check_userspace(userspace),
        Action::PushVlan { tpid, tci } => {
            let is_tag = [ethertype::VLAN, ethertype::SERVICE_VLAN].contains(tpid);
            match is_tag && tci & VLAN_PRESENT != 0 {
                true => Ok(()),
                false => Err(Wrong::refused("a tag that is none")),
            }
        }
        Action::Set { header, fields } => check_set(*header, fields, key),
        Action::Ct(ct) => check_ct(ct, key),
        Action::Truncate(_) => unsupported("the action trunc"),
        Action::CheckPktLen { .. } => unsupported("the action check_pkt_len"),
        Action::Clone(inner) => actions(inner, key),
        Action::Unknown(attr) => unsupported(&format!("action {}", attr.kind)),
    }
}

fn unsupported(what: &str) -> Result<(), Wrong> {
    Err(Wrong::Unsupported(what.to_owned()))
}

fn check_userspace(userspace: &Userspace) -> Result<(), Wrong> {
    match userspace.egress_tunnel_port {
        Some(_) => unsupported("the egress tunnel's header in an upcall"),
        None => Ok(()),
    }
}

fn check_set(header: Header, fields: &[SetField], key: &FlowKey) -> Result<(), Wrong> {
    let kind = key.u16(Field::EthType);
    let protocol = |wanted: u8| key.get(Field::IpProto) == Some(wanted.into());
    let ip = matches!(kind, Some(ethertype::IPV4 | ethertype::IPV6));
    let is_there = match header {
        Header::SkbPriority | Header::SkbMark => true,
        Header::Ethernet => key.has(Field::EthSrc),
        Header::Ipv4 => kind == Some(ethertype::IPV4),
        Header::Ipv6 => kind == Some(ethertype::IPV6),
        Header::Tcp => ip && protocol(protocol::TCP),
        Header::Udp => ip && protocol(protocol::UDP),
        other => return unsupported(&format!("the action set of {other:?}")),
    };
    if !is_there {
        return Err(Wrong::Refused(format!("set of {header:?} without one")));
    }
    // A set of the whole header repeats what cannot be written.
    let fixed = fields
        .iter()
        .filter(|set| matches!(set.field, Field::IpProto | Field::IpFrag));
    let whole = header
        .fields()
        .all(|field| writes(fields, field) == field.full());
    for set in fixed {
        if !whole || key.get(set.field) != Some(set.value) {
            return Err(Wrong::Refused(format!("set of {:?}", set.field)));
        }
    }
    Ok(())
}

fn writes(fields: &[SetField], field: Field) -> u128 {
    let set = fields.iter().find(|set| set.field == field);
    set.map_or(0, |set| set.mask)
}

fn check_ct(ct: &Ct, key: &FlowKey) -> Result<(), Wrong> {
    let Ct {
        commit,
        force,
        zone: _,
        mark,
        labels,
        helper,
        nat,
        event_mask,
        timeout,
    } = ct;
    let ip = [ethertype::IPV4, ethertype::IPV6].map(Some);
    if !ip.contains(&key.u16(Field::EthType)) {
        return Err(Wrong::refused("connection tracking of what is not IP"));
    }
    if mark.is_some_and(|(_, mask)| !commit || mask == 0) {
        return Err(Wrong::refused("a mark that is not written"));
    }
    for (asked, what) in [
        (*force, "a forced commit"),
        (labels.is_some(), "connection labels"),
        (helper.is_some(), "connection helpers"),
        (event_mask.is_some(), "connection events"),
        (timeout.is_some(), "connection timeouts"),
    ] {
        if asked {
            return unsupported(what);
        }
    }
    nat.as_ref().map_or(Ok(()), |nat| check_nat(nat, *commit))
}

fn check_nat(nat: &Nat, commit: bool) -> Result<(), Wrong> {
    let is_one = nat.addresses.is_none_or(|(first, last)| first == last)
        && nat.ports.is_none_or(|(first, last)| first == last);
    if !is_one {
        return unsupported("translation to a range");
    }
    if nat.persistent || nat.proto_hash || nat.proto_random {
        return unsupported("translation by choice");
    }
    if nat.direction.is_some() && !commit {
        return unsupported("translation that is not committed");
    }
    if nat.direction.is_some() && nat.addresses.is_none() {
        return unsupported("translation to no address");
    }
    Ok(())
}
