//! Masks: how a kernel shows them, and what is refused.

use weft_flow::codec::{DecodeError, EncodeError};
use weft_flow::key::{Nesting, UnknownAttr};
use weft_flow::{Field, FlowMask, decode_key, decode_mask, encode_key, encode_mask, parse_key};

use super::{ARP, ETHERNET, ETHERTYPE, IN_PORT, TUNNEL, VLAN, attrs, upcall};

#[test]
fn a_wildcarded_port_is_shown_by_the_kernel_with_its_upper_bits_set() {
    let key = decode_key(&upcall()).unwrap();
    let mask = |bits: u32| decode_mask(&attrs(&[(IN_PORT, &bits.to_ne_bytes())]), &key).unwrap();
    assert_eq!(mask(0xffff_0000).get(Field::InPort), 0);
    assert_eq!(mask(0xffff_ffff).get(Field::InPort), u128::from(u32::MAX));
}

#[test]
fn the_kernel_shows_a_whole_arp_operation_as_8_of_16_bits() {
    let arp = parse_key("in_port(7),eth(),eth_type(0x0806),arp(op=2)").unwrap();
    let mut put = FlowMask::new();
    put.add_field(Field::ArpOp).add_implied(&arp);
    let shown = |operation: [u8; 2]| {
        let mut payload = [0; 24];
        payload[8..10].copy_from_slice(&operation);
        decode_mask(&attrs(&[(ARP, &payload)]), &arp).unwrap()
    };
    assert_eq!(shown([0, 0xff]), put);
    assert_eq!(shown([0xff, 0xff]), put, "as other tools ask for it");
    assert_eq!(shown([0, 1]).get(Field::ArpOp), 1);
    assert_eq!(shown([0xff, 0]).get(Field::ArpOp), 0);
}

#[test]
fn the_kernel_shows_an_empty_tunnel_in_the_mask_of_a_flow_without_one() {
    let key = decode_key(&upcall()).unwrap();
    let mask =
        |tunnel: &[(u16, &[u8])]| decode_mask(&attrs(&[(TUNNEL, &attrs(tunnel))]), &key).unwrap();
    assert_eq!(mask(&[(4, &[0])]).get(Field::TunTtl), 0);
    // If it compares anything there, it compares whether there is a tunnel at all.
    let asks = mask(&[(0, &[0xff; 8]), (4, &[0])]);
    assert_eq!(asks.get(Field::TunV4Src), u128::from(u32::MAX));
}

#[test]
fn a_mask_always_compares_tags_whether_it_shows_them_or_not() {
    let key = decode_key(&upcall()).unwrap();
    let mask = decode_mask(&[], &key).unwrap();
    assert_eq!(mask.get(Field::VlanTci), 0xffff);
    assert_eq!(mask.get(Field::InnerVlanTci), 0xffff);
    let tagged = parse_key("in_port(7),eth(),eth_type(0x8100),vlan(vid=1,pcp=0),encap()").unwrap();
    assert!(!mask.agree(&key, &tagged));
}

#[test]
fn an_llc_frames_mask_asks_for_no_ethertype() {
    let llc = decode_key(&attrs(&[(IN_PORT, &[1, 0, 0, 0]), (ETHERNET, &[0; 12])])).unwrap();
    let mut mask = FlowMask::new();
    mask.add_field(Field::EthType).add_implied(&llc);
    let mut bytes = Vec::new();
    encode_mask(&mask, &llc, &mut bytes).unwrap();
    assert_eq!(
        bytes[bytes.len() - 8..],
        attrs(&[(ETHERTYPE, &[0xff, 0xff])])
    );
    assert_eq!(decode_mask(&bytes, &llc), Ok(mask));
}

#[test]
fn a_mask_of_what_its_key_lacks_is_refused_unless_it_is_zero() {
    let key = decode_key(&upcall()).unwrap();
    assert_eq!(
        decode_mask(&attrs(&[(13, &[1; 24])]), &key),
        Err(DecodeError::MaskWithoutKey { kind: 13 })
    );
    assert!(decode_mask(&attrs(&[(13, &[0; 24])]), &key).is_ok());
    assert_eq!(
        decode_mask(&attrs(&[(VLAN, &[1, 0])]), &key),
        Err(DecodeError::MaskWithoutKey { kind: VLAN })
    );
}

#[test]
fn masks_and_keys_of_options_must_be_of_one_length() {
    let mut key =
        parse_key("tunnel(dst=192.0.2.1,ttl=1,geneve({class=0x1,type=0x2,len=0}),flags(0)),eth()")
            .unwrap();
    let tunnel = attrs(&[(8, &[0xff; 8])]);
    assert_eq!(
        decode_mask(&attrs(&[(TUNNEL, &tunnel)]), &key),
        Err(DecodeError::OptionsLength { mask: 8, key: 4 })
    );
    let mut mask = FlowMask::new();
    mask.tunnel_options = vec![0xff; 8];
    assert_eq!(
        encode_mask(&mask, &key, &mut Vec::new()),
        Err(EncodeError::OptionsLength { mask: 8, key: 4 })
    );
    let payload = vec![0; 70_000];
    key.unknown
        .push((Nesting::Top, UnknownAttr { kind: 50, payload }));
    assert!(matches!(
        encode_key(&key, &mut Vec::new()),
        Err(EncodeError::TooLong(_))
    ));
}
