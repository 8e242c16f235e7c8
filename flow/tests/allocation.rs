//! The hot path allocates nothing: an upcall's key is read in place, and so are writes into a buffer that
//! is large enough.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use weft_flow::{
    FlowMask, Ufid, decode_key, dictionary, encode_key, encode_mask, parse_actions, parse_key,
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn allocations(work: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    work();
    let change = region.change();
    change.allocations + change.reallocations
}

// One test: others would count into the same numbers.
#[test]
fn ordinary_packets_are_read_fitted_and_written_without_allocation() {
    let packets = [
        "in_port(1),eth(),eth_type(0x0806),arp(op=1)",
        "in_port(1),eth(),eth_type(0x0800),ipv4(proto=6),tcp(dst=80),tcp_flags(syn)",
        "tunnel(tun_id=0x5,src=192.0.2.1,dst=192.0.2.2,ttl=64,flags(key)),in_port(1),eth(),\
         eth_type(0x8100),vlan(vid=5,pcp=0),encap(eth_type(0x86dd),ipv6(proto=17),\
         ipv6_exthdrs(0),udp(dst=53))",
    ];
    let mut out = Vec::with_capacity(4096);
    let actions = parse_actions("push_vlan(vid=5,pcp=0),3").unwrap();
    // The dictionary is built at its first use.
    dictionary::fit(&parse_key(packets[0]).unwrap(), &FlowMask::new());
    for text in packets {
        let key = parse_key(text).unwrap();
        let mut bytes = Vec::new();
        encode_key(&key, &mut bytes).unwrap();
        let count = allocations(|| {
            out.clear();
            let key = decode_key(&bytes).unwrap();
            let mask = dictionary::fit(&key, &FlowMask::new());
            let _ = Ufid::of(&key, &mask);
            encode_key(&key, &mut out).unwrap();
            encode_mask(&mask, &key, &mut out).unwrap();
            weft_flow::encode_actions(&actions, &mut out).unwrap();
        });
        assert_eq!(count, 0, "{text}");
    }
    assert!(
        allocations(|| drop(vec![1, 2, 3])) > 0,
        "the counter counts"
    );
}
