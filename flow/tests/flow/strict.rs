//! What the decoders refuse, what they keep, and how a kernel writes things in ways of its own.

mod actions;
mod masks;

use weft_flow::attr::{AttrError, PutAttr};
use weft_flow::codec::{DecodeError, EncodeError};
use weft_flow::key::Nesting;
use weft_flow::present::HeadersError;
use weft_flow::{
    Action, Field, FlowKey, FlowMask, Header, decode_key, encode_actions, encode_key, encode_mask,
    parse_key,
};

const ENCAP: u16 = 1;
const IN_PORT: u16 = 3;
const ETHERNET: u16 = 4;
const VLAN: u16 = 5;
const ETHERTYPE: u16 = 6;
const IPV4: u16 = 7;
const ARP: u16 = 13;
const TUNNEL: u16 = 16;

fn attrs(list: &[(u16, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, payload) in list {
        out.put_bytes(*kind, payload).expect("short");
    }
    out
}

fn encoded(key: &FlowKey) -> Vec<u8> {
    let mut out = Vec::new();
    encode_key(key, &mut out).expect("a key of a kernel");
    out
}

/// An upcall's key, laid out by hand: TCP by a bridge, as `__ovs_nla_put_key` orders it.
fn upcall() -> Vec<u8> {
    let ipv4 = [192, 0, 2, 1, 198, 51, 100, 2, 6, 0x10, 64, 0];
    let ethernet = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    attrs(&[
        (20, &0u32.to_ne_bytes()),
        (19, &0u32.to_ne_bytes()),
        (2, &0u32.to_ne_bytes()),
        (IN_PORT, &7u32.to_ne_bytes()),
        (15, &0u32.to_ne_bytes()),
        (22, &0u32.to_ne_bytes()),
        (23, &0u16.to_ne_bytes()),
        (24, &0u32.to_ne_bytes()),
        (25, &[0; 16]),
        (ETHERNET, &ethernet),
        (ETHERTYPE, &[0x08, 0x00]),
        (IPV4, &ipv4),
        (9, &[0x04, 0x00, 0x00, 0x50]),
        (18, &[0x00, 0x02]),
    ])
}

#[test]
fn an_upcalls_key_is_read_and_written_byte_for_byte() {
    let key = decode_key(&upcall()).unwrap();
    assert_eq!(
        key.to_string(),
        "recirc_id(0),dp_hash(0),skb_priority(0),in_port(7),skb_mark(0),ct_state(0),ct_zone(0),\
         ct_mark(0),ct_label(0),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x0800),\
         ipv4(src=192.0.2.1,dst=198.51.100.2,proto=6,tos=0x10,ttl=64,frag=no),\
         tcp(src=1024,dst=80),tcp_flags(syn)"
    );
    assert_eq!(encoded(&key), upcall());
}

#[test]
fn absent_and_zero_differ() {
    let key = decode_key(&attrs(&[(ETHERNET, &[0; 12])])).unwrap();
    assert_eq!(key.get(Field::EthSrc), Some(0));
    assert_eq!(key.get(Field::EthType), None);
    assert_eq!(key.get(Field::IpProto), None);
}

#[test]
fn every_attribute_of_a_wrong_length_is_refused() {
    // Type and length of every attribute that is known (`ovs_key_lens`).
    let lengths = [
        (2, 4),
        (3, 4),
        (4, 12),
        (5, 2),
        (6, 2),
        (7, 12),
        (8, 40),
        (9, 4),
        (10, 4),
        (11, 2),
        (12, 2),
        (13, 24),
        (14, 28),
        (15, 4),
        (17, 4),
        (18, 2),
        (19, 4),
        (20, 4),
        (22, 4),
        (23, 2),
        (24, 4),
        (25, 16),
        (26, 16),
        (27, 40),
        (32, 2),
    ];
    for (kind, expected) in lengths {
        for length in [0, 1, expected - 1, expected + 1, expected * 2] {
            let error = decode_key(&attrs(&[(kind, &vec![0; length])])).unwrap_err();
            assert_eq!(
                error,
                DecodeError::Attr(AttrError::PayloadLength {
                    kind,
                    length,
                    expected
                })
            );
        }
    }
    // Those of a tunnel header (`ovs_tunnel_key_lens`).
    for (kind, expected) in [
        (0, 8),
        (1, 4),
        (2, 4),
        (3, 1),
        (4, 1),
        (5, 0),
        (6, 0),
        (7, 0),
        (9, 2),
        (10, 2),
        (12, 16),
        (13, 16),
    ] {
        let tunnel = attrs(&[(kind, &vec![0; expected + 1])]);
        assert!(decode_key(&attrs(&[(TUNNEL, &tunnel)])).is_err(), "{kind}");
    }
}

#[test]
fn an_attribute_given_twice_is_refused() {
    let port = 1u32.to_ne_bytes();
    for (kind, payload) in [
        (IN_PORT, &port[..]),
        (ETHERTYPE, &[8, 6]),
        (TUNNEL, &[]),
        (40, &[1]),
    ] {
        assert_eq!(
            decode_key(&attrs(&[(kind, payload), (kind, payload)])),
            Err(DecodeError::Duplicate { kind })
        );
    }
}

#[test]
fn headers_that_contradict_each_other_are_refused() {
    let (ipv4, ipv6) = ([0; 12], [0; 40]);
    assert_eq!(
        decode_key(&attrs(&[(IPV4, &ipv4), (8, &ipv6)])),
        Err(DecodeError::Headers(HeadersError::Conflict {
            first: Header::Ipv4,
            second: Header::Ipv6
        }))
    );
    assert_eq!(
        decode_key(&attrs(&[(IPV4, &ipv4), (10, &[0; 4])])),
        Err(DecodeError::Headers(HeadersError::OtherProtocol(
            Header::Udp
        )))
    );
}

#[test]
fn a_part_of_a_tag_and_a_third_tag_are_refused() {
    let (kind, tci) = ([0x81, 0x00], [0x10, 0x05]);
    let part = |list: &[(u16, &[u8])]| decode_key(&attrs(list));
    let missing = |missing| Err(DecodeError::PartOfTag { missing });
    assert_eq!(part(&[(ETHERTYPE, &kind), (VLAN, &tci)]), missing(ENCAP));
    assert_eq!(part(&[(ETHERTYPE, &kind), (ENCAP, &[])]), missing(VLAN));
    assert_eq!(part(&[(VLAN, &tci), (ENCAP, &[])]), missing(ETHERTYPE));
    let mut tags = Vec::new();
    for _ in 0..3 {
        tags = attrs(&[(ETHERTYPE, &kind), (VLAN, &tci), (ENCAP, &tags)]);
    }
    assert_eq!(decode_key(&tags), Err(DecodeError::TooManyTags));
}

#[test]
fn a_frame_that_ends_within_its_tag_keeps_its_form() {
    let bytes = attrs(&[
        (ETHERNET, &[0; 12]),
        (ETHERTYPE, &[0, 0]),
        (VLAN, &[0, 0]),
        (ENCAP, &[]),
    ]);
    let key = decode_key(&bytes).unwrap();
    assert_eq!(key.get(Field::VlanTci), Some(0));
    assert_eq!(encoded(&key), bytes);
}

#[test]
fn what_is_unknown_is_kept_byte_for_byte_where_it_stood() {
    let mpls = [0x00, 0x06, 0x41, 0x40];
    let inner = attrs(&[(ETHERTYPE, &[0x88, 0x47]), (21, &mpls)]);
    let tunnel = attrs(&[(4, &[64]), (11, &[8, 0, 1, 0, 1, 2, 3, 4])]);
    let bytes = attrs(&[
        (TUNNEL, &tunnel),
        (ETHERNET, &[0; 12]),
        (0x8000 | 50, &[1, 2, 3]),
        (ETHERTYPE, &[0x81, 0x00]),
        (VLAN, &[0x10, 0x05]),
        (ENCAP, &inner),
    ]);
    let key = decode_key(&bytes).unwrap();
    let nestings: Vec<_> = key
        .unknown
        .iter()
        .map(|(nesting, attr)| (*nesting, attr.kind))
        .collect();
    assert_eq!(
        nestings,
        [
            (Nesting::Top, 0x8000 | 50),
            (Nesting::Encap, 21),
            (Nesting::Tunnel, 11)
        ]
    );
    assert_eq!(decode_key(&encoded(&key)), Ok(key));
}

#[test]
fn what_cannot_be_said_to_the_kernel_is_an_error() {
    let encode = |action: Action| encode_actions(&[action], &mut Vec::new()).unwrap_err();
    let two_headers = Action::set(Header::Tcp, &[(Field::TpDst, 80), (Field::Ipv4Dst, 1)]);
    assert_eq!(
        encode(two_headers),
        EncodeError::ForeignField {
            header: Header::Tcp,
            field: Field::Ipv4Dst
        }
    );
    assert_eq!(
        encode(Action::set(Header::Icmp, &[(Field::IcmpType, 8)])),
        EncodeError::NotSettable {
            header: Header::Icmp
        }
    );
    assert_eq!(
        encode(Action::set(Header::Udp, &[])),
        EncodeError::EmptySet {
            header: Header::Udp
        }
    );
    let mut ethernet = FlowKey::new();
    ethernet.set(Field::EthSrc, 1);
    assert_eq!(
        encode(Action::SetTunnel(Box::new(ethernet))),
        EncodeError::NotTunnel {
            field: Field::EthSrc
        }
    );
    let mut port_of_nothing = FlowKey::new();
    port_of_nothing.set(Field::TpDst, 80);
    assert_eq!(
        encode_key(&port_of_nothing, &mut Vec::new()),
        Err(EncodeError::Orphan {
            field: Field::TpDst
        })
    );
    let arp = parse_key("in_port(1),eth(),eth_type(0x0806),arp()").unwrap();
    let mut mask = FlowMask::new();
    mask.add_field(Field::TpDst);
    assert_eq!(
        encode_mask(&mask, &arp, &mut Vec::new()),
        Err(EncodeError::MaskWithoutKey {
            field: Field::TpDst
        })
    );
}
