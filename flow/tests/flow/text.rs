//! The text form: examples as the tools print them, and round trips.

use proptest::prelude::*;
use weft_flow::text::Problem;
use weft_flow::{
    Action, Actions, Field, Flow, FlowKey, FlowMask, Header, parse_actions, parse_flow, parse_key,
};

use crate::generate;

/// Keys as `ovs-dpctl` writes them.
const KEYS: &[&str] = &[
    "recirc_id(0),in_port(2),eth(src=02:00:00:00:00:01,dst=ff:ff:ff:ff:ff:ff),eth_type(0x0806),\
     arp(sip=10.0.0.1,tip=10.0.0.2,op=1,sha=02:00:00:00:00:01,tha=00:00:00:00:00:00)",
    "recirc_id(0x1f),dp_hash(0),skb_priority(0),in_port(2),skb_mark(0x7b),ct_state(est|rpl|trk),\
     ct_zone(0x5),ct_mark(0x11),ct_label(0x1234567890abcdef1234567890abcdef),\
     ct_tuple4(src=10.0.0.1,dst=10.0.0.2,proto=6,tp_src=1024,tp_dst=80),\
     eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x0800),\
     ipv4(src=10.0.0.2,dst=10.0.0.1,proto=6,tos=0x10,ttl=64,frag=no),\
     tcp(src=80,dst=1024),tcp_flags(psh|ack)",
    "recirc_id(0),tunnel(tun_id=0x400005,src=192.0.2.1,dst=192.0.2.2,tos=0x4,ttl=64,tp_src=50000,\
     tp_dst=4789,flags(df|csum|key)),in_port(10),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),\
     eth_type(0x8100),vlan(vid=99,pcp=7),encap(eth_type(0x86dd),\
     ipv6(src=2001:db8::1,dst=2001:db8::2,label=0xfffff,proto=17,tclass=0,hlimit=64,frag=first),\
     udp(src=53,dst=4000))",
    "recirc_id(0),tunnel(tun_id=0x1,ipv6_src=2001:db8::1,ipv6_dst=2001:db8::2,ttl=64,\
     geneve({class=0x102,type=0x80,len=4,0x0000000a}{class=0xffff,type=0x1,len=0}),flags(key)),\
     in_port(10),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x88a8),\
     vlan(vid=10,pcp=0),encap(eth_type(0x8100),vlan(vid=20,pcp=1),encap(eth_type(0x0800),\
     ipv4(src=10.0.0.2,dst=10.0.0.1,proto=17,tos=0,ttl=64,frag=later)))",
    "in_port(1),eth(src=02:00:00:00:00:01,dst=33:33:ff:00:00:02),eth_type(0x86dd),\
     ipv6(src=fe80::1,dst=ff02::1:ff00:2,label=0,proto=58,tclass=0,hlimit=255,frag=no),\
     icmpv6(type=135,code=0),nd(target=fe80::2,sll=02:00:00:00:00:01,tll=00:00:00:00:00:00)",
    "in_port(1),eth(src=02:00:00:00:00:01,dst=01:80:c2:00:00:00)",
    "in_port(1),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x8100),\
     vlan(vid=0,pcp=0,cfi=0),encap()",
    "in_port(1),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),key60(0a0b),eth_type(0x0800),\
     ipv4(src=10.0.0.2,dst=10.0.0.1,proto=1,tos=0,ttl=64,frag=no),icmp(type=8,code=0)",
    "in_port(1),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x0800),\
     ipv4(src=10.0.0.2,dst=10.0.0.1,proto=132,tos=0,ttl=64,frag=no),sctp(src=1,dst=2)",
];

#[test]
fn keys_are_written_as_they_were_read() {
    for text in KEYS {
        let key = parse_key(text).unwrap();
        assert_eq!(key.to_string(), *text);
        assert_eq!(format!("{key:?}"), *text);
    }
}

/// Flows as `ovs-dpctl dump-flows` writes them.
const FLOWS: &[&str] = &[
    "recirc_id(0),in_port(2),eth(),eth_type(0x0800),\
     ipv4(src=10.0.0.0/255.255.255.0,proto=6,frag=no),tcp(dst=80)",
    "recirc_id(0x1),in_port(1),ct_state(-inv+trk),ct_mark(0/0x80000000),eth(),eth_type(0x0800),\
     ipv4(frag=no)",
    "recirc_id(0),in_port(1),ct_state(new|trk),eth(),eth_type(0x0800),ipv4(frag=later)",
    "recirc_id(0),in_port(1),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:00/ff:ff:ff:ff:ff:00),\
     eth_type(0x0800),ipv4(proto=17,tos=0/0x3,frag=no),udp(dst=2048/0xfc00)",
    "recirc_id(0),tunnel(tun_id=0x5,src=192.0.2.1,dst=192.0.2.2,ttl=64,flags(-df+csum+key)),\
     in_port(10),eth(),eth_type(0x86dd),ipv6(dst=2001:db8::/ffff:ffff::,label=0/0xf0,frag=no)",
    "recirc_id(0),tunnel(tun_id=0x5/0xff,geneve({class=0x102,type=0x80,len=4,0x0000000a/0x000000ff}),\
     flags(-oam+key)),in_port(10),eth(),eth_type(0x0806),arp(op=1)",
    "recirc_id(0),in_port(1),eth(),eth_type(0x8100),vlan(vid=5),encap(eth_type(0x0800),ipv4(frag=no))",
    "recirc_id(0),in_port(1),eth(),eth_type(0x8100),vlan(vid=96/0xff0,pcp=6/0x6),encap(eth_type(0x0806))",
    "in_port(1),eth(dst=01:80:c2:00:00:00),eth_type(0/0xffff)",
    "in_port(1),eth(),eth_type(0x0800),ipv4(proto=6,frag=no),tcp_flags(+syn-ack)",
    "in_port(1),eth(),eth_type(0x1230/0xfff0)",
    "in_port(1),eth(),key60(0a00/ff00)",
];

#[test]
fn flows_are_written_as_they_were_read() {
    for text in FLOWS {
        let (key, mask) = parse_flow(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        if !text.contains("0x1230") {
            assert_eq!(
                Flow {
                    key: &key,
                    mask: &mask
                }
                .to_string(),
                *text
            );
        }
        let verbose = format!(
            "{:#}",
            Flow {
                key: &key,
                mask: &mask
            }
        );
        assert_eq!(parse_flow(&verbose), Ok((key, mask)), "{verbose}");
    }
}

#[test]
fn what_a_flow_leaves_out_does_not_count() {
    let (key, mask) = parse_flow("in_port(2),eth(),eth_type(0x0800),ipv4(proto=6)").unwrap();
    assert_eq!(mask.get(Field::Ipv4Src), 0);
    assert_eq!(mask.get(Field::TpDst), 0);
    // The kernel wants these headers, though nothing of them counts.
    assert!(key.has(Field::TpDst) && key.has(Field::TcpFlags) && key.has(Field::EthSrc));
    assert!(!key.has(Field::Ipv6Src) && !key.has(Field::IcmpType));
    weft_flow::kernel_accepts(&key, &mask).unwrap();
}

#[test]
fn a_full_dump_line_shows_every_field_with_its_mask() {
    let (key, mask) = parse_flow("in_port(2),eth(),eth_type(0x0806),arp(op=1)").unwrap();
    assert_eq!(
        format!(
            "{:#}",
            Flow {
                key: &key,
                mask: &mask
            }
        ),
        "in_port(2),eth(src=00:00:00:00:00:00/00:00:00:00:00:00,dst=00:00:00:00:00:00/00:00:00:00:00:00),\
         eth_type(0x0806),arp(sip=0.0.0.0/0.0.0.0,tip=0.0.0.0/0.0.0.0,op=1,\
         sha=00:00:00:00:00:00/00:00:00:00:00:00,tha=00:00:00:00:00:00/00:00:00:00:00:00)"
    );
}

#[test]
fn a_mask_alone_is_written_by_its_fields() {
    let mut mask = FlowMask::new();
    mask.add_field(Field::InPort)
        .add(Field::Ipv4Dst, 0xff00_0000);
    assert_eq!(format!("{mask:?}"), "InPort,Ipv4Dst/0xff000000");
}

/// Actions as `ovs-dpctl` writes them.
const ACTIONS: &[&str] = &[
    "drop",
    "1,2,3",
    "userspace(pid=12)",
    "userspace(pid=12,userdata(0a0b),actions,tunnel_out_port=10)",
    "set(eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02)),4",
    "set(eth(dst=02:00:00:00:00:00/ff:ff:ff:ff:ff:00))",
    "set(ipv4(src=35.8.2.41,tos=0x80/0xfc,ttl=63))",
    "set(ipv6(src=2001:db8::1,label=0/0xfff,hlimit=63))",
    "set(tcp(src=80)),set(udp(dst=53)),set(sctp(src=1,dst=2))",
    "set(skb_mark(0x7b)),set(skb_priority(0x1/0xff))",
    "set(tunnel(tun_id=0x5,src=1.1.1.1,dst=2.2.2.2,ttl=64,flags(df|csum|key))),10",
    "set(tunnel(tun_id=0x5,ipv6_src=fe80::1,ipv6_dst=fe80::2,ttl=64,flags(key))),10",
    "push_vlan(vid=5,pcp=0),3",
    "push_vlan(tpid=0x88a8,vid=13,pcp=5),pop_vlan",
    "push_vlan(vid=13,pcp=5,cfi=0)",
    "recirc(0x2)",
    "ct",
    "ct(commit,zone=1,nat(src=1.2.3.4:1-2)),recirc(0x2)",
    "ct(commit,mark=0xa0a0a0a0/0xfefefefe)",
    "ct(commit,label=0x1234567890abcdef1234567890abcdef/0xf1f2f3f4f5f6f7f8f9f0fafbfcfdfeff)",
    "ct(commit,helper=ftp,eventmask=0x7,timeout=ovs_tp_1_tcp4,nat(src))",
    "ct(nat)",
    "ct(commit,nat(dst))",
    "ct(commit,nat(src=10.0.0.240,random))",
    "ct(commit,nat(src=10.0.0.240:32768-65535,random))",
    "ct(commit,nat(dst=10.0.0.128-10.0.0.254,hash))",
    "ct(commit,nat(src=10.0.0.240-10.0.0.254:32768,persistent))",
    "ct(commit,nat(src=fe80::20c:29ff:fe88:a18b,random))",
    "ct(commit,nat(src=fe80::20c:29ff:fe88:1-fe80::20c:29ff:fe88:a18b,random))",
    "ct(commit,nat(src=[fe80::20c:29ff:fe88:1]-[fe80::20c:29ff:fe88:a18b]:255-4096,random))",
    "ct(commit,nat(src=::1))",
    "ct(commit,nat(dst=:8080))",
    "ct(force_commit,zone=5)",
    "meter(7),drop(3)",
    "trunc(100),3",
    "clone(1)",
    "clone(clone(push_vlan(vid=12,pcp=0),2),1)",
    "check_pkt_len(size=200,gt(4),le(5))",
    "check_pkt_len(size=200,gt(ct(nat)),le(drop))",
    "action16(),action60(0a0b)",
];

#[test]
fn actions_are_written_as_they_were_read() {
    for text in ACTIONS {
        let actions = parse_actions(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(Actions(&actions).to_string(), *text);
    }
}

#[test]
fn a_set_of_a_whole_header_and_one_of_a_part_are_told_apart() {
    let actions = parse_actions("set(tcp(src=80,dst=81)),set(udp(dst=53))").unwrap();
    let whole = [(Field::TpSrc, 80), (Field::TpDst, 81)];
    assert_eq!(actions[0], Action::set(Header::Tcp, &whole));
    assert_eq!(actions[1], Action::set(Header::Udp, &[(Field::TpDst, 53)]));
}

#[test]
fn an_error_says_where_and_what() {
    let cases = [
        ("in_port(2", "column 10: expected )"),
        ("in_port(x)", "column 9: expected a number"),
        (
            "in_port(1),in_port(2)",
            "column 12: \"in_port\" is given twice",
        ),
        (
            "in_prot(1)",
            "column 1: nothing in a key is called \"in_prot\"",
        ),
        (
            "eth(source=1)",
            "column 5: no field of this header is called \"source\"",
        ),
        ("eth(src=1)", "column 9: expected a MAC address"),
        (
            "eth_type(0x10000)",
            "column 10: the number has more than 16 bits",
        ),
        ("ipv4(src=1.2.3)", "column 10: expected an IPv4 address"),
        ("ipv4(frag=maybe)", "column 11: expected no, first or later"),
        (
            "ct_state(+odd)",
            "column 11: no flag here is called \"odd\"",
        ),
        ("ct_state(+trk-trk)", "column 15: \"trk\" is given twice"),
        ("vlan(vid=1)", "column 12: expected vlan and encap together"),
        ("tcp(dst=80)", "column 12: Tcp, but another IP protocol"),
        (
            "ipv4(proto=6),ipv6(proto=6)",
            "column 28: both Ipv4 and Ipv6",
        ),
        ("in_port(1) eth()", "column 11: expected ,"),
    ];
    for (text, message) in cases {
        assert_eq!(parse_flow(text).unwrap_err().to_string(), message, "{text}");
    }
    let cases = [
        ("", "column 1: expected an action"),
        ("1,", "column 3: expected an action"),
        ("1,drop", "column 7: expected ("),
        ("1 2", "column 2: expected \",\" or the end"),
        ("fly(1)", "column 1: no action is called \"fly\""),
        (
            "set(icmp(type=1))",
            "column 5: no header that can be set is called \"icmp\"",
        ),
        ("set(eth())", "column 5: expected a field to set"),
        (
            "ct(zone=65536)",
            "column 9: the number has more than 16 bits",
        ),
        ("ct(nat(random))", "column 8: expected src or dst first"),
        (
            "ct(nat(src=1.2.3.4-::1))",
            "column 20: expected an address of the same family",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(
            parse_actions(text).unwrap_err().to_string(),
            message,
            "{text}"
        );
    }
    assert_eq!(
        parse_key("in_port(1/0xff)").unwrap_err().problem,
        Problem::MaskInKey
    );
    let deep = "clone(".repeat(40);
    assert_eq!(parse_actions(&deep).unwrap_err().problem, Problem::TooDeep);
}

/// The mask's bits that the text form shows: what it asks of absent fields it does not.
fn shown(key: &FlowKey, mask: &FlowMask) -> FlowMask {
    let mut shown = mask.clone();
    for &field in Field::ALL {
        if !key.has(field) {
            shown.set(field, 0);
        }
    }
    shown.add_implied(key);
    shown
}

proptest! {
    #[test]
    fn a_key_comes_back_from_its_text(key in generate::key_with_unknown()) {
        prop_assert_eq!(parse_key(&key.to_string()), Ok(key));
    }

    #[test]
    fn a_flow_comes_back_from_its_full_text((key, mask) in generate::key_and_mask()) {
        let text = format!("{:#}", Flow { key: &key, mask: &mask });
        let mask = shown(&key, &mask);
        prop_assert_eq!(parse_flow(&text), Ok((key, mask)), "{}", text);
    }

    #[test]
    fn a_flow_that_counts_all_its_types_means_the_same_by_its_short_text(
        (key, mut mask) in generate::key_and_mask()
    ) {
        mask.add_field(Field::EthType).add_field(Field::IpProto).add_field(Field::IpFrag);
        mask.add_field(Field::IcmpType).add_implied(&key);
        // The short text shows the tunnel's address family by its addresses only.
        for field in [Field::TunV4Dst, Field::TunV6Dst] {
            if key.has(field) {
                mask.add_field(field);
            }
        }
        let mask = {
            let mut shown = shown(&key, &mask);
            shown.add_field(Field::EthType);
            shown.unknown.clear();
            shown
        };
        let mut key = key;
        key.unknown.clear();
        let text = Flow { key: &key, mask: &mask }.to_string();
        let (read, read_mask) = parse_flow(&text)?;
        prop_assert!(mask.agree(&key, &read), "{}\n{}", text, read);
        prop_assert_eq!(read_mask, mask, "{}", text);
    }

    #[test]
    fn actions_come_back_from_their_text(actions in generate::actions()) {
        let text = Actions(&actions).to_string();
        prop_assert_eq!(parse_actions(&text), Ok(actions), "{}", text);
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "[a-z0-9_(),=/.:+|{}x\\[\\]-]{0,60}") {
        let _ = (parse_key(&text), parse_flow(&text), parse_actions(&text));
    }

    #[test]
    fn a_text_with_a_changed_byte_is_read_or_refused_with_a_place(
        text in prop::sample::select([KEYS, FLOWS, ACTIONS].concat()),
        at in any::<prop::sample::Index>(),
        byte in "[a-z0-9_(),=/.:+|{}-]",
    ) {
        let mut changed = text.to_owned();
        let at = at.index(text.len());
        changed.replace_range(at..=at, &byte);
        for error in [parse_key(&changed).err(), parse_flow(&changed).err()].into_iter().flatten() {
            prop_assert!(error.at <= changed.len());
        }
        if let Err(error) = parse_actions(&changed) {
            prop_assert!(error.at <= changed.len());
        }
    }
}
