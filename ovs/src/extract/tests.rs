use proptest::prelude::*;
use weft_flow::codec::{decode_key, encode_key};

use super::*;

#[path = "frames.rs"]
mod frames;

fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    frame.extend(ethertype.to_be_bytes());
    frame.extend(payload);
    frame
}

fn ipv4_header(protocol: u8, fragment: u16) -> Vec<u8> {
    let mut header = vec![0x45, 0x10, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
    header.extend([192, 0, 2, 1, 192, 0, 2, 2]);
    header[6..8].copy_from_slice(&fragment.to_be_bytes());
    header
}

fn field(frame: &[u8], field: Field) -> Option<u128> {
    extract(frame).unwrap().get(field)
}

#[test]
fn a_frame_shorter_than_an_ethernet_header_has_no_key() {
    let frame = ethernet(0x0806, &[]);
    assert!(extract(&frame).is_some());
    assert!(extract(&frame[..13]).is_none());
}

#[test]
fn a_length_instead_of_an_ethertype_makes_an_llc_frame() {
    let llc = ethernet(38, &[0x42, 0x42, 3, 0, 0]);
    assert_eq!(field(&llc, Field::EthType), None);
    let snap = ethernet(38, &[0xaa, 0xaa, 3, 0, 0, 0, 0x88, 0xb5]);
    assert_eq!(field(&snap, Field::EthType), Some(0x88b5));
    let other_organisation = ethernet(38, &[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x88, 0xb5]);
    assert_eq!(field(&other_organisation, Field::EthType), None);
}

#[test]
fn a_priority_tag_is_a_tag_and_a_third_tag_is_an_ethertype() {
    let priority = ethernet(0x8100, &[0xe0, 0, 0x88, 0xb5]);
    assert_eq!(field(&priority, Field::VlanTci), Some(0xf000));
    assert_eq!(field(&priority, Field::EthType), Some(0x88b5));
    assert_eq!(field(&priority, Field::InnerVlanTci), None);
    let three = ethernet(0x88a8, &[0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 0x88, 0xb5]);
    assert_eq!(field(&three, Field::VlanTpid), Some(0x88a8));
    assert_eq!(field(&three, Field::InnerVlanTci), Some(0x1002));
    assert_eq!(field(&three, Field::EthType), Some(0x8100));
}

#[test]
fn the_first_fragment_has_ports_and_a_later_one_has_none() {
    let udp = [0x30, 0x39, 0, 53, 0, 8, 0, 0];
    let frame = |fragment| ethernet(0x0800, &[&ipv4_header(17, fragment)[..], &udp].concat());
    for (bits, kind, port) in [
        (0x4000, 0, Some(53)),
        (0x2000, 1, Some(53)),
        (0x2001, 2, None),
        (0x0001, 2, None),
    ] {
        assert_eq!(field(&frame(bits), Field::IpFrag), Some(kind), "{bits:#x}");
        assert_eq!(field(&frame(bits), Field::TpDst), port, "{bits:#x}");
        assert_eq!(field(&frame(bits), Field::IpProto), Some(17));
    }
}

#[test]
fn headers_that_are_cut_have_fields_of_zero() {
    let cut_tcp = ethernet(0x0800, &[&ipv4_header(6, 0)[..], &[0x30; 19]].concat());
    assert_eq!(field(&cut_tcp, Field::TpSrc), Some(0));
    assert_eq!(field(&cut_tcp, Field::TcpFlags), Some(0));
    assert_eq!(dissect(&cut_tcp).unwrap().transport, None);
    let cut_ip = ethernet(0x0800, &ipv4_header(6, 0)[..19]);
    assert_eq!(field(&cut_ip, Field::Ipv4Src), Some(0));
    assert_eq!(field(&cut_ip, Field::IpProto), Some(0));
    let cut_arp = ethernet(0x0806, &[0, 1, 8, 0, 6, 4, 0, 1]);
    assert_eq!(field(&cut_arp, Field::ArpOp), Some(0));
}

#[test]
fn an_ipv6_later_fragment_has_protocol_44() {
    let mut packet = vec![0x60, 0, 0, 0, 0, 0, 44, 64];
    packet.extend([0x20; 32]);
    packet.extend([17, 0, 0, 0x10, 0, 0, 0, 1]);
    packet.extend([0; 8]);
    let frame = ethernet(0x86dd, &packet);
    assert_eq!(field(&frame, Field::IpProto), Some(44));
    assert_eq!(field(&frame, Field::IpFrag), Some(2));
    assert_eq!(field(&frame, Field::TpSrc), None);
    assert_eq!(field(&frame, Field::Ipv6Exthdrs), Some(1 << 4));
}

/// An IPv6 packet whose first next header is `next`.
fn ipv6_of(next: u8, rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 0, next, 64];
    packet.extend([0x20; 32]);
    packet.extend(rest);
    ethernet(0x86dd, &packet)
}

#[test]
fn an_extension_header_that_is_cut_hides_the_protocol() {
    let options = [17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let whole = ipv6_of(60, &options);
    assert_eq!(field(&whole, Field::IpProto), Some(17));
    assert_eq!(field(&whole, Field::TpSrc), Some(0));
    let cut = ipv6_of(60, &options[..15]);
    assert_eq!(field(&cut, Field::IpProto), Some(59));
    assert_eq!(field(&cut, Field::TpSrc), None);
    for frame in [&whole, &cut] {
        assert_eq!(field(frame, Field::Ipv6Exthdrs), Some(1 << 3));
    }
}

#[test]
fn extension_headers_are_in_order_only_by_the_kernels_rules() {
    let (fragment, routing, options) = ([0; 7], [0; 7], [0; 7]);
    let order = |first: u8, second: u8, bytes: &[u8; 7]| {
        let rest = [&[second][..], bytes, &[59, 0, 0, 0, 0, 0, 0, 0]].concat();
        field(&ipv6_of(first, &rest), Field::Ipv6Exthdrs)
    };
    let out_of_order = 1 << 8;
    // 1 << 0: no next header follows.
    assert_eq!(order(44, 51, &fragment), Some(1 | 1 << 4 | 1 << 2));
    assert_eq!(
        order(43, 60, &routing),
        Some(out_of_order | 1 | 1 << 5 | 1 << 3)
    );
    assert_eq!(order(60, 43, &options), Some(1 | 1 << 3 | 1 << 5));
}

#[test]
fn a_link_address_that_is_there_twice_makes_neighbour_discovery_zero() {
    let solicitation = |options: &[u8]| {
        let mut packet = vec![0x60, 0, 0, 0, 0, 0, 58, 255];
        packet.extend([0x20; 32]);
        packet.extend([135, 0, 0, 0, 0, 0, 0, 0]);
        packet.extend([0x30; 16]);
        packet.extend(options);
        ethernet(0x86dd, &packet)
    };
    let source = [1, 1, 2, 0, 0, 0, 0, 9];
    let once = solicitation(&source);
    assert_eq!(field(&once, Field::NdSll), Some(0x02_00_00_00_00_09));
    assert_eq!(
        field(&once, Field::NdTarget),
        Some(u128::from_be_bytes([0x30; 16]))
    );
    let twice = solicitation(&[source, source].concat());
    for nd in [Field::NdSll, Field::NdTll, Field::NdTarget] {
        assert_eq!(field(&twice, nd), Some(0));
    }
}

proptest! {
    #[test]
    fn any_bytes_have_a_key_or_are_too_short(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(extract(&bytes).is_some(), bytes.len() >= 14);
    }

    #[test]
    fn offsets_lie_within_the_frame(frame in frames::frame()) {
        let dissection = dissect(&frame).unwrap();
        prop_assert!(dissection.network <= frame.len());
        prop_assert!(dissection.transport.is_none_or(|at| at + 8 <= frame.len()));
    }

    #[test]
    fn what_is_extracted_can_be_said_to_a_kernel_and_comes_back(frame in frames::frame()) {
        let key = extract(&frame).unwrap();
        let mut attrs = Vec::new();
        encode_key(&key, &mut attrs).unwrap();
        prop_assert_eq!(decode_key(&attrs), Ok(key));
    }
}
