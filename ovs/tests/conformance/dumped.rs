//! A flow comes back from a dump as it was put, and by what the dump shows its actions can be changed.

use weft_flow::{Action, Field, FlowMask, Ufid};
use weft_ovs::{DumpedFlow, Op, PutMode};

use super::{Bench, Line, apply, put};

/// Flows of every header, some of whose bits count. The kernel keeps many fields in other widths, orders
/// and places than its messages have them in.
const FLOWS: &[&str] = &[
    "recirc_id(0),in_port(1),eth(),eth_type(0x88b5)",
    "in_port(1),eth()",
    "recirc_id(0x1f/0xff),dp_hash(0x5/0xf),skb_priority(0x1/0x1),in_port(1),skb_mark(0x70/0xf0),\
     eth(src=02:00:00:00:00:01/ff:00:00:00:00:ff,dst=02:00:00:00:00:02),eth_type(0x88b5)",
    "in_port(1),eth(dst=01:80:c2:00:00:00),eth_type(0/0xffff)",
    "in_port(1),eth(),eth_type(0x8100),vlan(vid=5),encap(eth_type(0x88b5))",
    "in_port(1),eth(),eth_type(0x8100),vlan(vid=80/0xff0,pcp=6/0x6),encap(eth_type(0x0806),arp(op=1))",
    "in_port(1),eth(),eth_type(0x88a8),vlan(vid=5,pcp=1),encap(eth_type(0x8100),vlan(vid=7),\
     encap(eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=53)))",
    "in_port(1),eth(),eth_type(0x8100),vlan(vid=5),encap(eth_type(0/0xffff))",
    "in_port(1),eth(),eth_type(0x0806),arp(op=2)",
    "in_port(1),eth(),eth_type(0x0806),arp(op=0/0xfe)",
    "in_port(1),eth(),eth_type(0x0806),arp(sip=10.0.0.1,tip=10.0.0.2,op=1,sha=02:00:00:00:00:01,\
     tha=00:00:00:00:00:00)",
    "in_port(1),eth(),eth_type(0x8035),arp(op=3,tip=10.0.0.0/255.0.0.0)",
    "in_port(1),eth(),eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0,dst=10.0.0.2,proto=47,tos=0/0x3,\
     ttl=64,frag=no)",
    "in_port(1),eth(),eth_type(0x0800),ipv4(frag=later)",
    "in_port(1),eth(),eth_type(0x0800),ipv4(proto=6,frag=later)",
    "in_port(1),eth(),eth_type(0x0800),ipv4(frag=first)",
    "in_port(1),eth(),eth_type(0x0800),ipv4(frag=no/0xfe)",
    "in_port(1),eth(),eth_type(0x0800),ipv4(proto=6,frag=no),tcp(src=1024/0xfc00,dst=80),\
     tcp_flags(+syn-ack)",
    "in_port(1),eth(),eth_type(0x0800),ipv4(proto=6,frag=no),tcp_flags(syn)",
    "in_port(1),eth(),eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=67)",
    "in_port(1),eth(),eth_type(0x0800),ipv4(proto=132,frag=no),sctp(src=1,dst=2)",
    "in_port(1),eth(),eth_type(0x0800),ipv4(proto=1,frag=no),icmp(type=8,code=0)",
    "in_port(1),eth(),eth_type(0x0800),ipv4(proto=58)",
    "in_port(1),eth(),eth_type(0x0800),ipv4(proto=17/0xfe,frag=no)",
    "in_port(1),eth(),eth_type(0x86dd),ipv6(src=2001:db8::/ffff:ffff::,label=0xf0/0xf0,proto=17,\
     tclass=0xb8/0xfc,hlimit=64,frag=first),ipv6_exthdrs(0x10),udp(src=53)",
    "in_port(1),eth(),eth_type(0x86dd),ipv6(dst=2001:db8::2,label=0xfffff,proto=44,frag=later)",
    "in_port(1),eth(),eth_type(0x86dd),ipv6(proto=1,frag=no)",
    "in_port(1),eth(),eth_type(0x86dd),ipv6(proto=58,frag=no),icmpv6(type=134/0xfe)",
    "in_port(1),eth(),eth_type(0x86dd),ipv6(proto=58,frag=no),icmpv6(type=136/0xfe)",
    "in_port(1),eth(),eth_type(0x86dd),ipv6(proto=58,frag=no),icmpv6(type=135,code=0),\
     nd(target=fe80::/ffff::,sll=02:00:00:00:00:01)",
    "in_port(1),eth(),eth_type(0x86dd),ipv6(proto=58,frag=no),icmpv6(type=136),\
     nd(tll=02:00:00:00:00:01)",
    "in_port(1),ct_state(-new+est-inv+trk),ct_zone(0x5),ct_mark(0x80000000/0x80000000),\
     ct_label(0x1/0xff),eth(),eth_type(0x0800)",
    "in_port(1),ct_state(new|trk),ct_zone(0x100/0xff00),eth(),eth_type(0x86dd)",
    "in_port(1),ct_tuple4(src=10.0.0.1,dst=10.0.0.0/255.0.0.0,proto=6,tp_src=1024,tp_dst=80/0xf0),eth(),\
     eth_type(0x0800)",
    "in_port(1),ct_tuple6(src=2001:db8::1,proto=17,dst_port=53),eth(),eth_type(0x86dd)",
    "tunnel(tun_id=0x5,dst=192.0.2.2/0.0.0.0,ttl=64/0),in_port(1),eth(),eth_type(0x88b5)",
    "tunnel(tun_id=0x500/0xff00,src=192.0.2.1,dst=192.0.2.0/255.255.255.0,tos=0x4,ttl=64,tp_src=50000,\
     tp_dst=4789,flags(df|csum|key)),in_port(1),eth(),eth_type(0x88b5)",
    "tunnel(tun_id=0x5,ipv6_src=2001:db8::1,ipv6_dst=2001:db8::2,ttl=64,flags(-oam+key)),in_port(1),\
     eth(),eth_type(0x88b5)",
    "tunnel(tun_id=0x5,dst=192.0.2.2,ttl=64,geneve({class=0x102,type=0x80,len=4,0x0000000a/0x000000ff}),\
     flags(key)),in_port(1),eth(),eth_type(0x88b5)",
];

fn only(bench: &mut dyn Bench) -> DumpedFlow {
    let mut flows = Vec::new();
    let visit = &mut |flow: Result<DumpedFlow, _>| flows.push(flow.unwrap());
    bench.datapath().flows(visit).unwrap();
    assert_eq!(flows.len(), 1);
    flows.remove(0)
}

pub(crate) fn a_flow_comes_back_from_a_dump_as_it_was_put(bench: &mut dyn Bench) {
    for matches in FLOWS {
        let line = Line::new(matches, "drop");
        let taken = line.put(bench, PutMode::Create);
        taken.unwrap_or_else(|error| panic!("{matches}: {error}"));
        let found = only(bench);
        assert_eq!(found.mask, line.mask, "{matches}\n{:?}", found.key);
        for (field, bits) in line.mask.fields() {
            let value = line.key.get(field).map(|value| value & bits);
            assert_eq!(found.key.get(field), value, "{matches}: {field:?}");
        }
        assert!(
            line.mask.agree(&found.key, &line.key),
            "{matches}\n{:?}",
            found.key
        );
        assert_eq!(Ufid::of(&found.key, &found.mask), line.ufid, "{matches}");
        apply(bench, Op::Delete { ufid: line.ufid }).unwrap();
    }
}

pub(crate) fn a_flow_is_changed_by_what_a_dump_shows_of_it(bench: &mut dyn Bench) {
    for matches in FLOWS {
        let line = put(bench, matches, "drop");
        let found = only(bench);
        let actions = [Action::Output(2)];
        let change = Op::SetActions {
            ufid: line.ufid,
            key: &found.key,
            mask: &found.mask,
            actions: &actions,
            anew: false,
        };
        let changed = apply(bench, change);
        changed.unwrap_or_else(|error| panic!("{matches}: {error}"));
        let after = only(bench);
        assert_eq!(after.actions, actions, "{matches}");
        assert_eq!((after.key, after.mask), (found.key, found.mask));
        apply(bench, Op::Delete { ufid: line.ufid }).unwrap();
    }
}

/// Two things are compared and not shown: that there be no original tuple, and bits of one whose protocol
/// does not count.
pub(crate) fn of_the_original_tuple_a_dump_shows_only_what_has_a_protocol(bench: &mut dyn Bench) {
    let ip = "in_port(1),eth(),eth_type(0x0800)";
    let mut without = Line::new(ip, "drop");
    without
        .mask
        .add_field(Field::CtProto)
        .add_field(Field::CtV4Src);
    let no_protocol = Line::new(
        "in_port(1),ct_tuple4(src=10.0.0.1,proto=6/0),eth(),eth_type(0x0800)",
        "drop",
    );
    for line in [without, no_protocol] {
        line.put(bench, PutMode::Create).unwrap();
        let mut shown: FlowMask = line.mask.clone();
        for field in [Field::CtProto, Field::CtV4Src] {
            shown.set(field, 0);
        }
        assert_eq!(only(bench).mask, shown);
        apply(bench, Op::Delete { ufid: line.ufid }).unwrap();
    }
}
