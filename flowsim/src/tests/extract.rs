//! The kernel's key of a frame, as `key_extract` of `net/openvswitch/flow.c` makes it and
//! `ovs_nla_put_key` of `flow_netlink.c` shows it.

use weft_flow::present::{VLAN_PRESENT, ethertype, fragment, protocol};
use weft_flow::{Field, FlowKey};

/// The least Ethernet type; below it stands a length (`ETH_P_802_3_MIN`).
const LEAST_TYPE: u16 = 0x0600;

/// The key of a frame that came in by a port; `None` where the kernel drops it unseen.
pub(crate) fn extract(frame: &[u8], in_port: u32) -> Option<FlowKey> {
    if frame.len() < 14 {
        return None;
    }
    let mut key = FlowKey::new();
    for field in [
        Field::RecircId,
        Field::SkbPriority,
        Field::SkbMark,
        Field::DpHash,
        Field::CtState,
        Field::CtZone,
        Field::CtMark,
        Field::CtLabels,
    ] {
        key.set(field, 0);
    }
    key.set(Field::InPort, in_port.into());
    set(&mut key, Field::EthDst, &frame[..6]);
    set(&mut key, Field::EthSrc, &frame[6..12]);
    ethernet(&mut key, &frame[12..]);
    Some(key)
}

fn set(key: &mut FlowKey, field: Field, bytes: &[u8]) {
    let value = bytes.iter().fold(0, |bits, &b| bits << 8 | u128::from(b));
    key.set(field, value);
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn is_vlan(tpid: u16) -> bool {
    tpid == ethertype::VLAN || tpid == ethertype::SERVICE_VLAN
}

/// From the first tag or type on.
fn ethernet(key: &mut FlowKey, mut rest: &[u8]) {
    let tags = [
        (Field::VlanTpid, Field::VlanTci),
        (Field::InnerVlanTpid, Field::InnerVlanTci),
    ];
    for (tpid, tci) in tags {
        if !is_vlan(be16(rest, 0)) {
            break;
        }
        if rest.len() < 6 {
            // Cut short: shown as a tag without contents, and nothing after it.
            key.set(tpid, 0).set(tci, 0);
            return;
        }
        key.set(tpid, be16(rest, 0).into());
        key.set(tci, (be16(rest, 2) | VLAN_PRESENT).into());
        rest = &rest[4..];
    }
    let Some((kind, packet)) = network(rest) else {
        return;
    };
    key.set(Field::EthType, kind.into());
    match kind {
        ethertype::IPV4 => ipv4(key, packet),
        ethertype::IPV6 => ipv6(key, packet),
        ethertype::ARP | ethertype::RARP => arp(key, packet),
        _ => {}
    }
}

/// Ethernet type and what follows; `None` for a frame of IEEE 802.2.
fn network(rest: &[u8]) -> Option<(u16, &[u8])> {
    let (kind, rest) = (be16(rest, 0), &rest[2..]);
    if kind >= LEAST_TYPE {
        return Some((kind, rest));
    }
    match rest {
        [0xaa, 0xaa, _, 0, 0, 0, high, low, packet @ ..] => {
            let kind = u16::from_be_bytes([*high, *low]);
            (kind >= LEAST_TYPE).then_some((kind, packet))
        }
        _ => None,
    }
}

fn arp(key: &mut FlowKey, packet: &[u8]) {
    for field in [
        Field::ArpOp,
        Field::ArpSip,
        Field::ArpTip,
        Field::ArpSha,
        Field::ArpTha,
    ] {
        key.set(field, 0);
    }
    if packet.len() < 28 || !packet.starts_with(&[0, 1, 8, 0, 6, 4]) {
        return;
    }
    let op = be16(packet, 6);
    key.set(Field::ArpOp, if op <= 0xff { op.into() } else { 0 });
    set(key, Field::ArpSha, &packet[8..14]);
    set(key, Field::ArpSip, &packet[14..18]);
    set(key, Field::ArpTha, &packet[18..24]);
    set(key, Field::ArpTip, &packet[24..28]);
}

fn ipv4(key: &mut FlowKey, packet: &[u8]) {
    for field in [
        Field::Ipv4Src,
        Field::Ipv4Dst,
        Field::IpProto,
        Field::IpTos,
        Field::IpTtl,
        Field::IpFrag,
    ] {
        key.set(field, 0);
    }
    if packet.len() < 20 {
        return;
    }
    let header = usize::from(packet[0] & 0x0f) * 4;
    if header < 20 || packet.len() < header {
        return;
    }
    key.set(Field::IpTos, packet[1].into());
    key.set(Field::IpTtl, packet[8].into());
    key.set(Field::IpProto, packet[9].into());
    set(key, Field::Ipv4Src, &packet[12..16]);
    set(key, Field::Ipv4Dst, &packet[16..20]);
    let offset = be16(packet, 6);
    let kind = if offset & 0x1fff != 0 {
        fragment::LATER
    } else if offset & 0x2000 != 0 {
        fragment::FIRST
    } else {
        fragment::NO
    };
    key.set(Field::IpFrag, kind.into());
    if kind != fragment::LATER {
        transport(key, packet[9], &packet[header..]);
    }
}

/// Without extension headers: nothing reads what they change.
fn ipv6(key: &mut FlowKey, packet: &[u8]) {
    for field in [
        Field::Ipv6Src,
        Field::Ipv6Dst,
        Field::Ipv6Label,
        Field::IpProto,
        Field::IpTos,
        Field::IpTtl,
        Field::IpFrag,
    ] {
        key.set(field, 0);
    }
    if packet.len() < 40 {
        return;
    }
    key.set(Field::IpTos, (be16(packet, 0) >> 4 & 0xff).into());
    set(key, Field::Ipv6Label, &packet[1..4]);
    key.set(Field::IpProto, packet[6].into());
    key.set(Field::IpTtl, packet[7].into());
    set(key, Field::Ipv6Src, &packet[8..24]);
    set(key, Field::Ipv6Dst, &packet[24..40]);
    transport(key, packet[6], &packet[40..]);
}

fn transport(key: &mut FlowKey, proto: u8, datagram: &[u8]) {
    let is_v6 = key.u16(Field::EthType) == Some(ethertype::IPV6);
    let has = |n: usize| datagram.len() >= n;
    match proto {
        protocol::TCP => {
            let whole = has(20) && {
                let header = usize::from(datagram[12] >> 4) * 4;
                header >= 20 && has(header)
            };
            ports(key, datagram, whole);
            let flags = if whole {
                be16(datagram, 12) & 0x0fff
            } else {
                0
            };
            key.set(Field::TcpFlags, flags.into());
        }
        protocol::UDP => ports(key, datagram, has(8)),
        protocol::SCTP => ports(key, datagram, has(12)),
        protocol::ICMP if !is_v6 => icmp(key, datagram, has(8)),
        protocol::ICMPV6 if is_v6 => {
            icmp(key, datagram, has(8));
            if matches!(key.get(Field::IcmpType), Some(135 | 136))
                && key.get(Field::IcmpCode) == Some(0)
            {
                key.set(Field::NdTarget, 0).set(Field::NdSll, 0);
                key.set(Field::NdTll, 0);
                if has(24) {
                    set(key, Field::NdTarget, &datagram[8..24]);
                    neighbour_options(key, &datagram[24..]);
                }
            }
        }
        _ => {}
    }
}

/// Link-layer addresses. One that comes twice leaves nothing of them.
fn neighbour_options(key: &mut FlowKey, mut options: &[u8]) {
    while let [kind, length, ..] = *options {
        let length = usize::from(length) * 8;
        if length == 0 || length > options.len() {
            return;
        }
        let field = match kind {
            1 => Some(Field::NdSll),
            2 => Some(Field::NdTll),
            _ => None,
        };
        if let (Some(field), 8) = (field, length) {
            if key.get_or_zero(field) != 0 {
                key.set(Field::NdTarget, 0).set(Field::NdSll, 0);
                key.set(Field::NdTll, 0);
                return;
            }
            set(key, field, &options[2..8]);
        }
        options = &options[length..];
    }
}

fn ports(key: &mut FlowKey, datagram: &[u8], whole: bool) {
    let port = |at| if whole { be16(datagram, at).into() } else { 0 };
    key.set(Field::TpSrc, port(0)).set(Field::TpDst, port(2));
}

fn icmp(key: &mut FlowKey, datagram: &[u8], whole: bool) {
    let byte = |at: usize| if whole { datagram[at].into() } else { 0 };
    key.set(Field::IcmpType, byte(0));
    key.set(Field::IcmpCode, byte(1));
}
