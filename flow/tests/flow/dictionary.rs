//! The masks that flows get.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use weft_flow::dictionary::{exact, fit};
use weft_flow::{
    Field, FlowKey, FlowMask, decode_mask, encode_mask, kernel_accepts, parse_flow, parse_key,
};

use crate::generate;

fn key(text: &str) -> FlowKey {
    let text = format!(
        "recirc_id(0),dp_hash(0),skb_priority(0),in_port(1),skb_mark(0),ct_state(0),ct_zone(0),\
         ct_mark(0),ct_label(0),{text}"
    );
    parse_key(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn read(text: &str) -> FlowMask {
    parse_flow(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .1
}

fn unread(mask: &FlowMask, fields: &[Field]) -> bool {
    fields.iter().all(|&field| mask.get(field) == 0)
}

const ETH: &str = "eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02)";

#[test]
fn a_bridged_packet_needs_no_more_than_its_ethernet_header() {
    let arp = key(&format!(
        "{ETH},eth_type(0x0806),arp(sip=10.0.0.1,tip=10.0.0.2,op=2,sha=02:00:00:00:00:01,tha=02:00:00:00:00:02)"
    ));
    let mask = fit(&arp, &read(&format!("in_port(1),{ETH},eth_type(0x0806)")));
    assert!(unread(
        &mask,
        &[Field::ArpOp, Field::ArpSip, Field::SkbMark]
    ));

    let tcp = key(&format!(
        "{ETH},eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=6,tos=0,ttl=64,frag=no),\
         tcp(src=1024,dst=80),tcp_flags(syn)"
    ));
    let mask = fit(
        &tcp,
        &read(&format!(
            "in_port(1),{ETH},eth_type(0x0800),ipv4(proto=6/0x10)"
        )),
    );
    assert!(unread(
        &mask,
        &[
            Field::Ipv4Src,
            Field::TpSrc,
            Field::TpDst,
            Field::IpTtl,
            Field::TcpFlags
        ]
    ));
    assert_eq!(mask.get(Field::Ipv4Dst), 0xff00_0000);
}

#[test]
fn a_udp_packet_to_a_high_port_needs_the_first_bits_of_it() {
    let udp = key(&format!(
        "{ETH},eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=no),\
         udp(src=53,dst=40000)"
    ));
    let not_dhcp = read(&format!(
        "in_port(1),{ETH},eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=40000/0x8000)"
    ));
    let mask = fit(&udp, &not_dhcp);
    assert_eq!(mask.get(Field::TpDst), 0xfc00);
    assert!(unread(&mask, &[Field::TpSrc, Field::Ipv4Src, Field::IpTtl]));
}

#[test]
fn what_a_rule_reads_of_a_source_by_prefix_is_shared_by_many_sources() {
    let udp = key(&format!(
        "{ETH},eth_type(0x0800),ipv4(src=10.1.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=no),\
         udp(src=40000,dst=2000)"
    ));
    let fitted = |text: &str| {
        let text = format!("in_port(1),{ETH},eth_type(0x0800),{text}");
        let mask = fit(&udp, &read(&text));
        (mask.get(Field::Ipv4Src), mask.get(Field::TpDst))
    };
    let rule = "ipv4(src=10.0.0.0/255.0.0.0,proto=17,frag=no),udp(dst=2000)";
    assert_eq!(fitted(rule), (0xffff_0000, 0xffff));
    let rule = "ipv4(src=10.1.0.0/255.255.240.0,proto=17,frag=no),udp(dst=2000)";
    assert_eq!(fitted(rule), (0xffff_ff00, 0xffff));
    assert_eq!(fitted("ipv4(proto=17,frag=no),udp(dst=2000)"), (0, 0xffff));
    let secured = "ipv4(src=10.1.0.1,proto=17,frag=no),udp(dst=2000/0xf000)";
    assert_eq!(fitted(secured), (0xffff_ffff, 0xfc00));
}

#[test]
fn an_answer_by_udp_needs_no_more_of_its_port_than_that_it_is_none_of_dhcp() {
    let udp = key(&format!(
        "{ETH},eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=no),\
         udp(src=53,dst=40000)"
    ));
    let mut answers = read(&format!(
        "in_port(1),{ETH},eth_type(0x0800),ipv4(src=10.0.0.1,proto=17,frag=no),udp(dst=40000/0x8000)"
    ));
    answers
        .add(Field::CtMark, 1 << 31)
        .add(Field::CtState, 0x38);
    let mask = fit(&udp, &answers);
    assert_eq!(mask.get(Field::TpDst), 0xfc00);
    assert!(unread(&mask, &[Field::TpSrc, Field::IpTtl]));
    assert_eq!(mask.get(Field::CtMark), 1 << 31);
}

#[test]
fn tcp_flags_count_only_where_they_are_read() {
    let tcp = key(&format!(
        "{ETH},eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=6,tos=0,ttl=64,frag=no),\
         tcp(src=1024,dst=80),tcp_flags(syn)"
    ));
    let mut narrow = read(&format!("in_port(1),{ETH},eth_type(0x0800),ipv4(ttl=64)"));
    let mask = fit(&tcp, &narrow);
    assert_eq!(
        (mask.get(Field::TpSrc), mask.get(Field::TcpFlags)),
        (0xffff, 0)
    );
    narrow.add(Field::TcpFlags, 2);
    assert_eq!(fit(&tcp, &narrow), exact(&tcp));
}

#[test]
fn a_packet_by_a_tunnel_needs_no_more_than_its_key() {
    let packet = key(&format!(
        "tunnel(tun_id=0x5,src=192.0.2.1,dst=192.0.2.2,ttl=64,flags(key)),{ETH},eth_type(0x0800),\
         ipv4(src=10.0.0.1,dst=10.0.0.2,proto=1,tos=0,ttl=64,frag=no),icmp(type=8,code=0)"
    ));
    let mut read = FlowMask::new();
    read.add_read(&packet, Field::InPort, u128::MAX)
        .add_read(&packet, Field::TunId, u128::MAX)
        .add_read(&packet, Field::IpFrag, u128::MAX);
    let mask = fit(&packet, &read);
    assert!(unread(
        &mask,
        &[Field::EthSrc, Field::IpProto, Field::TunV4Src]
    ));
}

#[test]
fn what_no_wide_mask_covers_gets_the_exact_one() {
    let arp = key(&format!(
        "{ETH},eth_type(0x0806),arp(sip=10.0.0.1,tip=10.0.0.2,op=2,sha=02:00:00:00:00:01,tha=02:00:00:00:00:02)"
    ));
    let mask = fit(
        &arp,
        &read("in_port(1),eth(),eth_type(0x0806),arp(tip=10.0.0.2)"),
    );
    assert_eq!(mask, exact(&arp));
}

#[test]
fn a_frame_without_an_ethertype_or_tag_is_matched_by_their_absence() {
    let llc = key(ETH);
    let mut read = FlowMask::new();
    read.add_read(&llc, Field::EthType, 1)
        .add_read(&llc, Field::VlanTci, 1);
    let mask = fit(&llc, &read);
    let typed = key(&format!("{ETH},eth_type(0x0806),arp()"));
    let tagged = key(&format!("{ETH},eth_type(0x8100),vlan(vid=1,pcp=0),encap()"));
    assert!(mask.agree(&llc, &llc));
    assert!(!mask.agree(&llc, &typed));
    assert!(!mask.agree(&llc, &tagged));
}

/// What a datapath distinguishes as a mask: bytes without the attributes that are all zero, as the kernel
/// skips them.
fn to_the_kernel(mask: &FlowMask, key: &FlowKey) -> String {
    let mut bytes = Vec::new();
    encode_mask(mask, key, &mut bytes).expect("masks of the dictionary can be encoded");
    let mut text = String::new();
    skip_zeros(&bytes, &mut text);
    text
}

fn skip_zeros(bytes: &[u8], text: &mut String) {
    for attr in weft_flow::attr::Attrs::new(bytes) {
        let attr = attr.expect("encoded here");
        if attr.kind == 1 {
            text.push_str("encap(");
            skip_zeros(attr.payload, text);
            text.push(')');
        } else if attr.payload.iter().any(|&byte| byte != 0) {
            // Ports have one place in the kernel's key, whatever the protocol.
            let kind = if [10, 17].contains(&attr.kind) {
                9
            } else {
                attr.kind
            };
            text.push_str(&format!("{kind}:{:?} ", attr.payload));
        }
    }
}

/// Reads of any bits of any field that is ever read, there or not.
fn reads_but_flags() -> impl Strategy<Value = FlowMask> {
    reads().prop_map(|mut read| {
        read.set(Field::TcpFlags, 0);
        read
    })
}

/// Reads of any bits of any field, there or not.
fn reads() -> impl Strategy<Value = FlowMask> {
    let some = proptest::sample::subsequence(Field::ALL.to_vec(), 0..8);
    some.prop_flat_map(generate::bits_of)
}

#[test]
fn there_are_no_more_than_64_masks_whatever_is_read() {
    let mut runner = TestRunner::deterministic();
    let (mut masks, mut kernel_masks) = (HashSet::new(), HashSet::new());
    let one_network =
        generate::key().prop_filter("one underlay", |key| key.tunnel_options.is_empty());
    for _ in 0..20_000 {
        let key = one_network.new_tree(&mut runner).expect("a key").current();
        let read = reads_but_flags()
            .new_tree(&mut runner)
            .expect("reads")
            .current();
        let mask = fit(&key, &read);
        kernel_masks.insert(to_the_kernel(&mask, &key));
        masks.insert(mask);
    }
    assert!(
        kernel_masks.len() <= 64,
        "{} to the kernel",
        kernel_masks.len()
    );
    assert!(masks.len() <= 64, "{} here", masks.len());
    // The reads were of all kinds.
    assert!(kernel_masks.len() > 45, "only {}", kernel_masks.len());
}

proptest! {
    #[test]
    fn a_fitted_mask_covers_what_was_read_and_the_kernel_takes_it(
        key in generate::key(),
        read in reads(),
    ) {
        let mask = fit(&key, &read);
        prop_assert!(mask.covers(&read.resolved(&key)), "{:?}\n{:?}", read, mask);
        prop_assert_eq!(fit(&key, &read), mask.clone());
        prop_assert_eq!(fit(&key, &mask), mask.clone(), "a mask of the dictionary fits itself");
        if generate::is_whole(&key) {
            prop_assert_eq!(kernel_accepts(&key, &mask), Ok(()));
        }
        let mut bytes = Vec::new();
        encode_mask(&mask, &key, &mut bytes)?;
        prop_assert_eq!(decode_mask(&bytes, &key), Ok(mask));
    }

    #[test]
    fn a_read_of_an_absent_field_keeps_packets_that_have_it_out(
        key in generate::key(),
        mut other in generate::key(),
    ) {
        // What comes by a tunnel's port came through a tunnel, and nothing else did.
        let same_kind_of_port = key.has_tunnel() == other.has_tunnel();
        let port = key.get_or_zero(Field::InPort);
        other.set(Field::InPort, if same_kind_of_port { port } else { port ^ 1 });
        for &field in Field::ALL {
            if !key.has(field) && other.has(field) {
                let mut read = FlowMask::new();
                read.add_read(&key, field, field.full());
                let mask = fit(&key, &read);
                prop_assert!(!mask.agree(&key, &other), "{:?}\n{}\n{}\n{:?}", field, key, other, mask);
            }
        }
    }

    #[test]
    fn the_exact_mask_counts_every_bit(key in generate::key(), bit in 0u32..128) {
        let mask = exact(&key);
        prop_assert!(mask.agree(&key, &key));
        for (field, value) in key.fields() {
            let mut other = key.clone();
            other.set(field, value ^ (1 << (bit % field.width())));
            prop_assert!(!mask.agree(&key, &other), "{:?}", field);
        }
    }
}
