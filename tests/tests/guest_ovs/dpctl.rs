//! What another tool says of our flows is what our dumps say, in the same text form.

use weft_flow::{Ufid, parse_actions, parse_flow};
use weft_ovs::{Datapath, Op, PutMode};
use weft_tests::command::run;

use super::support::{apply, datapath};

const FLOWS: &[(&str, &str)] = &[
    (
        "recirc_id(0),in_port(1),eth(dst=02:00:00:00:00:02),eth_type(0x0806),arp(op=2)",
        "2",
    ),
    (
        "recirc_id(0),in_port(1),eth(),eth_type(0x8100),vlan(vid=5,pcp=0),encap(eth_type(0x0800),\
         ipv4(dst=10.0.0.0/255.0.0.0,proto=6,frag=no),tcp(dst=80))",
        "drop",
    ),
    (
        "recirc_id(0x1),in_port(1),ct_state(-new+est-inv+trk),ct_zone(0x5),eth(),eth_type(0x86dd),\
         ipv6(dst=2001:db8::/ffff:ffff::,proto=58,frag=no),icmpv6(type=135,code=0),nd(target=fe80::2)",
        "ct(commit,zone=6),recirc(0x2)",
    ),
    (
        "recirc_id(0),tunnel(tun_id=0x5,src=192.0.2.1,dst=192.0.2.2,ttl=64/0,flags(key)),in_port(3),\
         eth(),eth_type(0x0800),ipv4(proto=17,frag=no),udp(src=1024/0xfc00)",
        "push_vlan(vid=9,pcp=1),4",
    ),
];

#[test]
fn another_tools_dump_reads_as_ours() {
    let mut datapath = datapath();
    for (matches, actions) in FLOWS {
        let (key, mask) = parse_flow(matches).unwrap();
        let actions = parse_actions(actions).unwrap();
        let ufid = Ufid::of(&key, &mask);
        let put = Op::Put {
            ufid,
            key: &key,
            mask: &mask,
            actions: &actions,
            mode: PutMode::Create,
        };
        apply(&mut datapath, put).unwrap();
    }
    let dump = run(&["ovs-dpctl", "-m", "dump-flows", "weft0"]).unwrap();
    let lines: Vec<_> = dump.lines().collect();
    assert_eq!(lines.len(), FLOWS.len(), "{dump}");
    for line in lines {
        let (ufid, rest) = line.trim().split_once(", ").unwrap();
        let (matches, rest) = rest.split_once(", packets:").unwrap();
        // The tool has no name for IPv6 extension headers.
        let matches = matches.replace("key32(00 00/00 00),", "");
        let (_, actions) = rest.rsplit_once("actions:").unwrap();
        let ours = datapath.flow(ufid.parse().unwrap()).unwrap().unwrap();
        let (key, mask) = parse_flow(&matches).unwrap_or_else(|error| panic!("{matches}: {error}"));
        assert_eq!(mask, ours.mask, "{matches}");
        assert!(mask.agree(&key, &ours.key), "{matches}");
        assert_eq!(parse_actions(actions).unwrap(), ours.actions, "{actions}");
    }
}
