use super::*;
use crate::text::parse_flow;

fn flow(text: &str) -> (FlowKey, FlowMask) {
    parse_flow(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str, change: impl FnOnce(&mut FlowKey)) -> Refusal {
    let (mut key, mask) = flow(text);
    kernel_accepts(&key, &mask).unwrap_or_else(|refusal| panic!("{text}: {refusal}"));
    change(&mut key);
    kernel_accepts(&key, &mask).unwrap_err()
}

#[test]
fn every_protocol_demands_its_header_even_where_it_does_not_count() {
    let cases = [
        (
            "ipv4(proto=6)",
            Header::Tcp,
            vec![Field::TpSrc, Field::TpDst],
        ),
        ("ipv4(proto=6)", Header::TcpFlags, vec![Field::TcpFlags]),
        (
            "ipv4(proto=17)",
            Header::Udp,
            vec![Field::TpSrc, Field::TpDst],
        ),
        (
            "ipv4(proto=132)",
            Header::Sctp,
            vec![Field::TpSrc, Field::TpDst],
        ),
        (
            "ipv4(proto=1)",
            Header::Icmp,
            vec![Field::IcmpType, Field::IcmpCode],
        ),
    ];
    for (network, header, fields) in cases {
        let text = format!("in_port(1),eth(),eth_type(0x0800),{network}");
        let refusal = refusal(&text, |key| {
            for field in fields {
                key.clear(field);
            }
        });
        assert_eq!(refusal, Refusal::HeaderMissing(header));
    }
}

#[test]
fn a_later_fragment_has_no_ports() {
    let text = "in_port(1),eth(),eth_type(0x0800),ipv4(proto=17,frag=later)";
    let refusal = refusal(text, |key| {
        key.set(Field::TpDst, 53);
    });
    assert_eq!(refusal, Refusal::HeaderForeign(Header::Udp));
}

#[test]
fn icmpv6_of_types_135_and_136_demands_neighbour_discovery() {
    let text =
        |kind| format!("in_port(1),eth(),eth_type(0x86dd),ipv6(proto=58),icmpv6(type={kind})");
    for kind in ["135", "136", "136/0xfe"] {
        let (key, mask) = flow(&text(kind));
        assert!(key.has(Field::NdTarget), "{kind}");
        assert_eq!(kernel_accepts(&key, &mask), Ok(()));
        let mut without = key.clone();
        without
            .clear(Field::NdTarget)
            .clear(Field::NdSll)
            .clear(Field::NdTll);
        assert_eq!(
            kernel_accepts(&without, &mask),
            Err(Refusal::HeaderMissing(Header::Nd))
        );
    }
    let (key, mask) = flow(&text("134/0xfe"));
    assert!(!key.has(Field::NdTarget));
    assert_eq!(kernel_accepts(&key, &mask), Ok(()));
}

#[test]
fn icmp_of_the_other_ip_is_a_protocol_like_any() {
    for text in [
        "eth_type(0x0800),ipv4(proto=58)",
        "eth_type(0x86dd),ipv6(proto=1)",
    ] {
        let (key, mask) = flow(&format!("in_port(1),eth(),{text}"));
        assert!(!key.has(Field::IcmpType));
        assert_eq!(kernel_accepts(&key, &mask), Ok(()));
    }
}

#[test]
fn ports_count_only_with_all_of_the_protocol() {
    let (key, mut mask) = flow("in_port(1),eth(),eth_type(0x0800),ipv4(proto=6),tcp(dst=80)");
    mask.set(Field::IpProto, 0x0f);
    assert_eq!(
        kernel_accepts(&key, &mask),
        Err(Refusal::NotDecided {
            field: Field::TpDst,
            decides: Field::IpProto
        })
    );
    mask.set(Field::TpDst, 0).set(Field::EthType, 0);
    assert_eq!(
        kernel_accepts(&key, &mask),
        Err(Refusal::NotDecided {
            field: Field::IpProto,
            decides: Field::EthType
        })
    );
}

#[test]
fn a_tag_must_say_that_it_is_there_and_count() {
    let text = "in_port(1),eth(),eth_type(0x8100),vlan(vid=5),encap(eth_type(0x0806))";
    let no_tag = refusal(text, |key| {
        key.set(Field::VlanTci, 5);
    });
    assert_eq!(no_tag, Refusal::NoTag(Field::VlanTci));
    let no_kind = refusal(text, |key| {
        key.set(Field::VlanTpid, 0x9100);
    });
    assert_eq!(no_kind, Refusal::OutOfRange(Field::VlanTpid));
    let (key, mut mask) = flow(text);
    mask.set(Field::VlanTci, 0x0fff);
    assert!(kernel_accepts(&key, &mask).is_err());
}

#[test]
fn a_tunnel_header_must_have_a_ttl_and_one_destination() {
    let text = "tunnel(tun_id=0x1,dst=192.0.2.1,ttl=64/0),in_port(1),eth()";
    let no_ttl = refusal(text, |key| {
        key.clear(Field::TunTtl);
    });
    assert_eq!(no_ttl, Refusal::TunnelWithout("TTL"));
    let no_destination = refusal(text, |key| {
        key.set(Field::TunV4Dst, 0);
    });
    assert_eq!(no_destination, Refusal::TunnelWithout("destination"));
    let both = refusal(text, |key| {
        key.set(Field::TunV6Dst, 1);
    });
    assert_eq!(both, Refusal::TunnelOfBoth);
    let options = refusal(text, |key| key.tunnel_options = vec![0; 6]);
    assert_eq!(options, Refusal::TunnelOptions(6));
}

#[test]
fn values_out_of_range_are_named() {
    let arp = "in_port(1),eth(),eth_type(0x0806)";
    let port = refusal(arp, |key| {
        key.set(Field::InPort, 0xffff);
    });
    assert_eq!(port, Refusal::OutOfRange(Field::InPort));
    let length = refusal("in_port(1),eth(),eth_type(0x0600)", |key| {
        key.set(Field::EthType, 0x05ff);
    });
    assert_eq!(length, Refusal::OutOfRange(Field::EthType));
    let fragment = refusal("in_port(1),eth(),eth_type(0x0800)", |key| {
        key.set(Field::IpFrag, 3);
    });
    assert_eq!(fragment, Refusal::OutOfRange(Field::IpFrag));
}

#[test]
fn a_key_without_ethernet_or_with_mpls_alone_is_named() {
    assert_eq!(
        kernel_accepts(&FlowKey::new(), &FlowMask::new()),
        Err(Refusal::NoEthernet)
    );
    let mut mpls = FlowKey::new();
    mpls.set(Field::EthType, ethertype::MPLS.into());
    assert_eq!(
        kernel_accepts(&mpls, &FlowMask::new()),
        Err(Refusal::AttributeMissing(kind::MPLS))
    );
}

#[test]
fn neighbour_discovery_and_the_original_tuple_exclude_each_other() {
    let (mut key, mut mask) =
        flow("in_port(1),eth(),eth_type(0x86dd),ipv6(proto=58),icmpv6(type=135)");
    key.set(Field::CtV6Src, 1);
    assert_eq!(kernel_accepts(&key, &mask), Ok(()));
    mask.add_field(Field::CtV6Src);
    assert_eq!(kernel_accepts(&key, &mask), Err(Refusal::TupleOfNd));
}
