//! Keys, read and written by the other codec.

use netlink_bindings::ovs_flow::*;
use netlink_bindings::traits::Pusher;
use weft_flow::key::{mac_from_bits, mac_to_bits};
use weft_flow::present::protocol;
use weft_flow::{Field, FlowKey};

/// Reads a key, or a mask as if it were one.
pub(super) fn read(attrs: IterableKeyAttrs<'_>) -> FlowKey {
    let mut key = FlowKey::new();
    let tags = [
        (Field::VlanTpid, Field::VlanTci),
        (Field::InnerVlanTpid, Field::InnerVlanTci),
    ];
    read_level(attrs, &tags, &mut key);
    key
}

fn mac(octets: [u8; 6]) -> u128 {
    mac_to_bits(octets.into())
}

fn number(bytes: &[u8]) -> u128 {
    bytes
        .iter()
        .fold(0, |bits, &byte| bits << 8 | u128::from(byte))
}

fn read_level(attrs: IterableKeyAttrs<'_>, tags: &[(Field, Field)], key: &mut FlowKey) {
    use KeyAttrs as K;
    let (mut ethertype, mut tci, mut tagged) = (None, None, false);
    for attr in attrs {
        let mut set = |field, value: u128| {
            key.set(field, value);
        };
        match attr.expect("a whole attribute") {
            K::Encap(inner) => {
                tagged = true;
                read_level(inner, &tags[1..], key);
            }
            K::Ethertype(value) => ethertype = Some(value),
            K::Vlan(value) => tci = Some(value),
            K::Tunnel(tunnel) => read_tunnel(tunnel, key),
            K::Priority(value) => set(Field::SkbPriority, value.into()),
            K::InPort(value) => set(Field::InPort, value.into()),
            K::SkbMark(value) => set(Field::SkbMark, value.into()),
            K::DpHash(value) => set(Field::DpHash, value.into()),
            K::RecircId(value) => set(Field::RecircId, value.into()),
            K::CtState(value) => set(Field::CtState, value.into()),
            K::CtZone(value) => set(Field::CtZone, value.into()),
            K::CtMark(value) => set(Field::CtMark, value.into()),
            K::CtLabels(bytes) => {
                let bytes = bytes.try_into().expect("16 bytes");
                set(Field::CtLabels, u128::from_ne_bytes(bytes));
            }
            K::CtOrigTupleIpv4(tuple) => {
                set(Field::CtV4Src, tuple.ipv4_src().into());
                set(Field::CtV4Dst, tuple.ipv4_dst().into());
                set(Field::CtTpSrc, tuple.src_port().into());
                set(Field::CtTpDst, tuple.dst_port().into());
                set(Field::CtProto, tuple.ipv4_proto.into());
            }
            K::CtOrigTupleIpv6(tuple) => {
                set(Field::CtV6Src, number(&tuple[..16]));
                set(Field::CtV6Dst, number(&tuple[16..32]));
                set(Field::CtTpSrc, number(&tuple[32..34]));
                set(Field::CtTpDst, number(&tuple[34..36]));
                set(Field::CtProto, tuple[36].into());
            }
            K::Ethernet(ethernet) => {
                set(Field::EthSrc, mac(ethernet.eth_src));
                set(Field::EthDst, mac(ethernet.eth_dst));
            }
            K::Ipv4(ip) => {
                set(Field::Ipv4Src, ip.ipv4_src().into());
                set(Field::Ipv4Dst, ip.ipv4_dst().into());
                set(Field::IpProto, ip.ipv4_proto.into());
                set(Field::IpTos, ip.ipv4_tos.into());
                set(Field::IpTtl, ip.ipv4_ttl.into());
                set(Field::IpFrag, ip.ipv4_frag.into());
            }
            K::Ipv6(ip) => {
                set(Field::Ipv6Src, number(&ip.ipv6_src));
                set(Field::Ipv6Dst, number(&ip.ipv6_dst));
                set(Field::Ipv6Label, ip.ipv6_label().into());
                set(Field::IpProto, ip.ipv6_proto.into());
                set(Field::IpTos, ip.ipv6_tclass.into());
                set(Field::IpTtl, ip.ipv6_hlimit.into());
                set(Field::IpFrag, ip.ipv6_frag.into());
            }
            K::Ipv6Exthdrs(exthdrs) => set(Field::Ipv6Exthdrs, exthdrs.hdrs.into()),
            K::Tcp(ports) => {
                set(Field::TpSrc, ports.tcp_src().into());
                set(Field::TpDst, ports.tcp_dst().into());
            }
            K::TcpFlags(flags) => set(Field::TcpFlags, flags.into()),
            K::Udp(ports) => {
                set(Field::TpSrc, ports.udp_src().into());
                set(Field::TpDst, ports.udp_dst().into());
            }
            K::Sctp(ports) => {
                set(Field::TpSrc, ports.sctp_src().into());
                set(Field::TpDst, ports.sctp_dst().into());
            }
            K::Icmp(icmp) | K::Icmpv6(icmp) => {
                set(Field::IcmpType, icmp.icmp_type.into());
                set(Field::IcmpCode, icmp.icmp_code.into());
            }
            K::Arp(arp) => {
                set(Field::ArpSip, arp.arp_sip().into());
                set(Field::ArpTip, arp.arp_tip().into());
                set(Field::ArpOp, arp.arp_op().into());
                set(Field::ArpSha, mac(arp.arp_sha));
                set(Field::ArpTha, mac(arp.arp_tha));
            }
            K::Nd(nd) => {
                set(Field::NdTarget, number(&nd.nd_target));
                set(Field::NdSll, mac(nd.nd_sll));
                set(Field::NdTll, mac(nd.nd_tll));
            }
            _ => panic!("an attribute that was not written"),
        }
    }
    match (tagged, ethertype) {
        (true, ethertype) => {
            key.set(tags[0].0, ethertype.expect("a tag's protocol").into());
            key.set(tags[0].1, tci.expect("a tag's control information").into());
        }
        (false, Some(ethertype)) => {
            key.set(Field::EthType, ethertype.into());
        }
        (false, None) => {}
    }
}

/// Reads a tunnel header.
pub(super) fn read_tunnel(attrs: IterableTunnelKeyAttrs<'_>, key: &mut FlowKey) {
    use TunnelKeyAttrs as T;
    let mut flags = 0;
    for attr in attrs {
        let (field, value) = match attr.expect("a whole attribute") {
            T::Id(id) => (Field::TunId, id.into()),
            T::Ipv4Src(address) => (Field::TunV4Src, address.into()),
            T::Ipv4Dst(address) => (Field::TunV4Dst, address.into()),
            T::Ipv6Src(address) => (Field::TunV6Src, number(address)),
            T::Ipv6Dst(address) => (Field::TunV6Dst, number(address)),
            T::Tos(tos) => (Field::TunTos, tos.into()),
            T::Ttl(ttl) => (Field::TunTtl, ttl.into()),
            T::TpSrc(port) => (Field::TunTpSrc, port.into()),
            T::TpDst(port) => (Field::TunTpDst, port.into()),
            T::DontFragment(()) => {
                flags |= 1;
                continue;
            }
            T::Csum(()) => {
                flags |= 2;
                continue;
            }
            T::Oam(()) => {
                flags |= 4;
                continue;
            }
            T::GeneveOpts(options) => {
                key.tunnel_options = options.to_vec();
                continue;
            }
            _ => panic!("an attribute that was not written"),
        };
        key.set(field, value);
    }
    key.set(Field::TunFlags, flags);
}

/// Writes a key.
pub(super) fn write(key: &FlowKey) -> Vec<u8> {
    write_like(key, key)
}

/// Writes values, a key's or a mask's, with the headers that `like` has.
pub(super) fn write_like(values: &FlowKey, like: &FlowKey) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut push = PushKeyAttrs::new(&mut bytes);
    push = write_metadata(push, values, like);
    if like.has_tunnel() {
        push = write_tunnel(push.nested_tunnel(), values).end_nested();
    }
    push = push.push_ethernet(OvsKeyEthernet {
        eth_src: mac_from_bits(values.get_or_zero(Field::EthSrc)).octets(),
        eth_dst: mac_from_bits(values.get_or_zero(Field::EthDst)).octets(),
    });
    if !like.has(Field::VlanTci) {
        write_content(push, values, like).end_nested();
        return bytes;
    }
    let tag = write_tag(push, values, Field::VlanTpid, Field::VlanTci).nested_encap();
    if !like.has(Field::InnerVlanTci) {
        write_content(tag, values, like).end_nested().end_nested();
        return bytes;
    }
    let inner = write_tag(tag, values, Field::InnerVlanTpid, Field::InnerVlanTci).nested_encap();
    write_content(inner, values, like)
        .end_nested()
        .end_nested()
        .end_nested();
    bytes
}

fn u16_of(values: &FlowKey, field: Field) -> u16 {
    values.u16(field).unwrap_or(0)
}

fn u32_of(values: &FlowKey, field: Field) -> u32 {
    values.u32(field).unwrap_or(0)
}

fn u8_of(values: &FlowKey, field: Field) -> u8 {
    u8::try_from(values.get_or_zero(field)).expect("a byte")
}

fn bytes_of(values: &FlowKey, field: Field) -> [u8; 16] {
    values.get_or_zero(field).to_be_bytes()
}

fn write_tag<P: Pusher>(
    push: PushKeyAttrs<P>,
    values: &FlowKey,
    tpid: Field,
    tci: Field,
) -> PushKeyAttrs<P> {
    push.push_vlan(u16_of(values, tci))
        .push_ethertype(u16_of(values, tpid))
}

fn write_metadata<P: Pusher>(
    mut push: PushKeyAttrs<P>,
    values: &FlowKey,
    like: &FlowKey,
) -> PushKeyAttrs<P> {
    let u32 = |field| u32_of(values, field);
    // Not in the order of the kernel: it must not matter.
    push = push
        .push_ct_labels(&values.get_or_zero(Field::CtLabels).to_ne_bytes())
        .push_ct_mark(u32(Field::CtMark))
        .push_ct_zone(u16_of(values, Field::CtZone))
        .push_ct_state(u32(Field::CtState))
        .push_skb_mark(u32(Field::SkbMark))
        .push_in_port(u32(Field::InPort))
        .push_priority(u32(Field::SkbPriority))
        .push_dp_hash(u32(Field::DpHash))
        .push_recirc_id(u32(Field::RecircId));
    if like.has(Field::CtV4Src) {
        let mut tuple = OvsKeyCtTupleIpv4::new();
        tuple.set_ipv4_src(u32(Field::CtV4Src));
        tuple.set_ipv4_dst(u32(Field::CtV4Dst));
        tuple.set_src_port(u16_of(values, Field::CtTpSrc));
        tuple.set_dst_port(u16_of(values, Field::CtTpDst));
        tuple.ipv4_proto = u8_of(values, Field::CtProto);
        push = push.push_ct_orig_tuple_ipv4(tuple);
    }
    if like.has(Field::CtV6Src) {
        let mut tuple = [0; 40];
        tuple[..16].copy_from_slice(&bytes_of(values, Field::CtV6Src));
        tuple[16..32].copy_from_slice(&bytes_of(values, Field::CtV6Dst));
        tuple[32..34].copy_from_slice(&u16_of(values, Field::CtTpSrc).to_be_bytes());
        tuple[34..36].copy_from_slice(&u16_of(values, Field::CtTpDst).to_be_bytes());
        tuple[36] = u8_of(values, Field::CtProto);
        push = push.push_ct_orig_tuple_ipv6(&tuple);
    }
    push
}

/// Writes a tunnel header.
pub(super) fn write_tunnel<P: Pusher>(
    mut push: PushTunnelKeyAttrs<P>,
    values: &FlowKey,
) -> PushTunnelKeyAttrs<P> {
    let flags = values.get_or_zero(Field::TunFlags);
    if !values.tunnel_options.is_empty() {
        push = push.push_geneve_opts(&values.tunnel_options);
    }
    for (bit, write) in [
        (4, PushTunnelKeyAttrs::push_oam as fn(_, _) -> _),
        (2, PushTunnelKeyAttrs::push_csum),
        (1, PushTunnelKeyAttrs::push_dont_fragment),
    ] {
        if flags & bit != 0 {
            push = write(push, ());
        }
    }
    for (field, value) in values.fields() {
        let number = u16::try_from(value).unwrap_or(0);
        let bytes = value.to_be_bytes();
        push = match field {
            Field::TunId => push.push_id(u64::try_from(value).expect("64 bits")),
            Field::TunV4Src => push.push_ipv4_src(u32_of(values, field)),
            Field::TunV4Dst => push.push_ipv4_dst(u32_of(values, field)),
            Field::TunV6Src => push.push_ipv6_src(&bytes),
            Field::TunV6Dst => push.push_ipv6_dst(&bytes),
            Field::TunTos => push.push_tos(u8_of(values, field)),
            Field::TunTtl => push.push_ttl(u8_of(values, field)),
            Field::TunTpSrc => push.push_tp_src(number),
            Field::TunTpDst => push.push_tp_dst(number),
            _ => push,
        };
    }
    push
}

fn write_content<P: Pusher>(
    mut push: PushKeyAttrs<P>,
    values: &FlowKey,
    like: &FlowKey,
) -> PushKeyAttrs<P> {
    let u8 = |field| u8_of(values, field);
    let u16 = |field| u16_of(values, field);
    let u32 = |field| u32_of(values, field);
    let mac = |field| mac_from_bits(values.get_or_zero(field)).octets();
    if like.has(Field::EthType) {
        push = push.push_ethertype(u16(Field::EthType));
    }
    if like.has(Field::Ipv4Src) {
        let mut ip = OvsKeyIpv4::new();
        ip.set_ipv4_src(u32(Field::Ipv4Src));
        ip.set_ipv4_dst(u32(Field::Ipv4Dst));
        ip.ipv4_proto = u8(Field::IpProto);
        ip.ipv4_tos = u8(Field::IpTos);
        ip.ipv4_ttl = u8(Field::IpTtl);
        ip.ipv4_frag = u8(Field::IpFrag);
        push = push.push_ipv4(ip);
    }
    if like.has(Field::Ipv6Src) {
        let mut ip = OvsKeyIpv6::new();
        ip.ipv6_src = bytes_of(values, Field::Ipv6Src);
        ip.ipv6_dst = bytes_of(values, Field::Ipv6Dst);
        ip.set_ipv6_label(u32(Field::Ipv6Label));
        ip.ipv6_proto = u8(Field::IpProto);
        ip.ipv6_tclass = u8(Field::IpTos);
        ip.ipv6_hlimit = u8(Field::IpTtl);
        ip.ipv6_frag = u8(Field::IpFrag);
        push = push.push_ipv6(ip);
    }
    if like.has(Field::Ipv6Exthdrs) {
        let hdrs = u16(Field::Ipv6Exthdrs);
        push = push.push_ipv6_exthdrs(OvsKeyIpv6Exthdrs { hdrs });
    }
    if like.has(Field::ArpOp) {
        let mut arp = OvsKeyArp::new();
        arp.set_arp_sip(u32(Field::ArpSip));
        arp.set_arp_tip(u32(Field::ArpTip));
        arp.set_arp_op(u16(Field::ArpOp));
        arp.arp_sha = mac(Field::ArpSha);
        arp.arp_tha = mac(Field::ArpTha);
        push = push.push_arp(arp);
    }
    let (source, destination) = (u16(Field::TpSrc), u16(Field::TpDst));
    let icmp = OvsKeyIcmp {
        icmp_type: u8(Field::IcmpType),
        icmp_code: u8(Field::IcmpCode),
    };
    let transport = like.has(Field::TpSrc) || like.has(Field::IcmpType);
    match u8_of(like, Field::IpProto) {
        _ if !transport => {}
        protocol::TCP => {
            let mut ports = OvsKeyTcp::new();
            ports.set_tcp_src(source);
            ports.set_tcp_dst(destination);
            push = push.push_tcp(ports).push_tcp_flags(u16(Field::TcpFlags));
        }
        protocol::UDP => {
            let mut ports = OvsKeyUdp::new();
            ports.set_udp_src(source);
            ports.set_udp_dst(destination);
            push = push.push_udp(ports);
        }
        protocol::SCTP => {
            let mut ports = OvsKeySctp::new();
            ports.set_sctp_src(source);
            ports.set_sctp_dst(destination);
            push = push.push_sctp(ports);
        }
        protocol::ICMP => push = push.push_icmp(icmp),
        _ => push = push.push_icmpv6(icmp),
    }
    if like.has(Field::NdTarget) {
        push = push.push_nd(OvsKeyNd {
            nd_target: bytes_of(values, Field::NdTarget),
            nd_sll: mac(Field::NdSll),
            nd_tll: mac(Field::NdTll),
        });
    }
    push
}
