//! What actions do to a packet.

use std::time::{Duration, Instant};

use weft_flow::{Field, parse_actions};
use weft_ovs::{Error, FlowStats, Op, OpReply, UpcallKind};

use super::frames::{ONE, TWO, tagged, tcp, udp};
use super::{Bench, apply, put, upcall};

const UDP: &str = "recirc_id(0),in_port(1),eth(),eth_type(0x0800),ipv4(proto=17,frag=no)";
const ANY: &str = "recirc_id(0),in_port(1),eth()";

fn two_ports(bench: &mut dyn Bench) -> (usize, usize) {
    let (one, two) = (bench.add_port(), bench.add_port());
    assert_eq!((bench.number(one), bench.number(two)), (1, 2));
    (one, two)
}

pub(crate) fn set_actions_change_the_frame_and_its_checksums(bench: &mut dyn Bench) {
    let (one, two) = two_ports(bench);
    put(
        bench,
        UDP,
        "set(eth(src=02:00:00:00:00:0a)),set(ipv4(src=198.51.100.7,tos=0x20/0xfc,ttl=63)),\
         set(udp(dst=5353)),2",
    );
    bench.send(one, &udp(4000, 53).frame());
    let mut wanted = udp(4000, 5353).between([198, 51, 100, 7], [192, 0, 2, 2]);
    (wanted.tos, wanted.ttl) = (0x20, 63);
    let mac = [2, 0, 0, 0, 0, 0x0a];
    assert_eq!(bench.receive(two), wanted.frame_between(mac, TWO));
    put(
        bench,
        "recirc_id(0),in_port(1),eth(),eth_type(0x0800),ipv4(proto=6,frag=no)",
        "set(ipv4(dst=203.0.113.9)),set(tcp(src=1)),2,set(tcp(src=2)),2",
    );
    bench.send(one, &tcp(4000, 80, 0x02).frame());
    for port in [1, 2] {
        let wanted = tcp(port, 80, 0x02).between([192, 0, 2, 1], [203, 0, 113, 9]);
        assert_eq!(bench.receive(two), wanted.frame());
    }
}

pub(crate) fn tags_are_pushed_and_popped(bench: &mut dyn Bench) {
    let (one, two) = two_ports(bench);
    let matches = format!("{ANY},eth_type(0x0800),ipv4(frag=no)");
    put(bench, &matches, "push_vlan(vid=5,pcp=3),2,pop_vlan,2");
    let plain = udp(4000, 53).frame();
    bench.send(one, &plain);
    assert_eq!(bench.receive(two), tagged(&plain, 0x8100, 0x6005));
    assert_eq!(bench.receive(two), plain);
    let matches = format!("{ANY},eth_type(0x8100),vlan(vid=7,pcp=0),encap(eth_type(0x0800))");
    put(bench, &matches, "2,pop_vlan,2,push_vlan(vid=9,pcp=0),2");
    bench.send(one, &tagged(&plain, 0x8100, 7));
    for wanted in [
        tagged(&plain, 0x8100, 7),
        plain.clone(),
        tagged(&plain, 0x8100, 9),
    ] {
        assert_eq!(bench.receive(two), wanted);
    }
}

pub(crate) fn recirculation_looks_the_changed_packet_up_again(bench: &mut dyn Bench) {
    let (one, two) = two_ports(bench);
    put(bench, UDP, "set(udp(dst=54)),recirc(7),set(udp(dst=55)),2");
    let again = "recirc_id(7),in_port(1),eth(),eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=54)";
    put(bench, again, "set(udp(src=1)),2");
    bench.send(one, &udp(4000, 53).frame());
    assert_eq!(bench.receive(two), udp(1, 54).frame());
    assert_eq!(bench.receive(two), udp(4000, 55).frame());
    // One that meets no flow comes up by its port as it is by then.
    put(
        bench,
        &format!("{ANY},eth_type(0x0800),ipv4(proto=6,frag=no)"),
        "set(tcp(dst=81)),push_vlan(vid=5,pcp=0),recirc(8)",
    );
    bench.send(one, &tcp(4000, 80, 0x02).frame());
    let up = upcall(bench, one);
    assert_eq!(up.kind, UpcallKind::Miss);
    assert_eq!(up.key.get(Field::RecircId), Some(8));
    assert_eq!(up.key.get(Field::TpDst), Some(81));
    assert_eq!(up.key.get(Field::VlanTci), Some(0x1005));
    assert_eq!(up.packet, tagged(&tcp(4000, 81, 0x02).frame(), 0x8100, 5));
}

pub(crate) fn userspace_says_the_key_as_it_is(bench: &mut dyn Bench) {
    let (one, two) = two_ports(bench);
    let pid = bench.upcalls(two).pid();
    let actions = format!("set(udp(dst=54)),userspace(pid={pid},userdata(0102ff)),2");
    put(bench, UDP, &actions);
    let sent = udp(4000, 53).frame();
    bench.send(one, &sent);
    let changed = udp(4000, 54).frame();
    assert_eq!(bench.receive(two), changed);
    let up = upcall(bench, two);
    assert_eq!(up.kind, UpcallKind::Action);
    assert_eq!(up.userdata, [1, 2, 0xff]);
    assert_eq!(up.packet, changed);
    assert_eq!(up.key.get(Field::TpDst), Some(54));
    assert_eq!(up.key.get(Field::InPort), Some(1));
    assert!(up.hash.is_some());
    let lost = bench.datapath().info().unwrap().lost;
    put(
        bench,
        &format!("{ANY},eth_type(0x0800),ipv4(proto=6)"),
        "userspace(pid=4294967295,userdata(01))",
    );
    bench.send(one, &tcp(4000, 80, 0x02).frame());
    until(|| bench.datapath().info().unwrap().lost == lost + 1);
}

pub(crate) fn statistics_count_packets_bytes_and_flags(bench: &mut dyn Bench) {
    let (one, two) = two_ports(bench);
    let matches = format!("{ANY},eth_type(0x0800),ipv4(proto=6)");
    let line = put(bench, &matches, "2");
    let stats = |bench: &mut dyn Bench| {
        let flow = bench.datapath().flow(line.ufid).unwrap().unwrap();
        flow.stats
    };
    assert_eq!(stats(bench), FlowStats::default());
    let mut bytes = 0;
    for flags in [0x02, 0x10, 0x18] {
        let frame = tcp(4000, 80, flags).frame();
        bench.send(one, &frame);
        assert_eq!(bench.receive(two), frame);
        bytes += frame.len() as u64;
    }
    let seen = stats(bench);
    assert_eq!((seen.packets, seen.bytes), (3, bytes));
    assert_eq!(seen.tcp_flags, 0x1a);
    assert!(seen.idle.is_some());
    let info = bench.datapath().info().unwrap();
    assert_eq!((info.hits, info.missed, info.masks), (3, 0, 1));
}

pub(crate) fn a_change_may_begin_to_count_anew_and_says_what_was_counted(bench: &mut dyn Bench) {
    let (one, two) = two_ports(bench);
    let line = put(bench, &format!("{ANY},eth_type(0x0800),ipv4(proto=6)"), "2");
    let frame = tcp(4000, 80, 0x12).frame();
    for (anew, before) in [(false, 1), (true, 2), (true, 1), (false, 1), (true, 2)] {
        bench.send(one, &frame);
        assert_eq!(bench.receive(two), frame);
        let change = Op::SetActions {
            ufid: line.ufid,
            key: &line.key,
            mask: &line.mask,
            actions: &line.actions,
            anew,
        };
        let OpReply::Stats(until_now) = apply(bench, change).unwrap() else {
            panic!("a change says what the flow had seen");
        };
        assert_eq!((until_now.packets, until_now.tcp_flags), (before, 0x12));
        let after = bench.datapath().flow(line.ufid).unwrap().unwrap();
        let rest = if anew {
            FlowStats::default()
        } else {
            until_now
        };
        assert_eq!(after.stats.packets, rest.packets, "{anew}");
        assert_eq!(after.stats.idle.is_some(), !anew);
    }
}

pub(crate) fn execute_uses_the_keys_metadata(bench: &mut dyn Bench) {
    let (one, two) = two_ports(bench);
    let sent = udp(4000, 53).frame();
    bench.send(one, &sent);
    let up = upcall(bench, one);
    let actions = parse_actions("set(udp(dst=54)),2,recirc(3)").unwrap();
    let execute = |actions| Op::Execute {
        packet: &sent,
        key_attrs: &up.key_attrs,
        actions,
        mru: None,
        hash: up.hash,
    };
    apply(bench, execute(&actions)).unwrap();
    assert_eq!(bench.receive(two), udp(4000, 54).frame());
    let again = upcall(bench, one);
    assert_eq!(again.key.get(Field::RecircId), Some(3));
    assert_eq!(again.key.get(Field::InPort), Some(1));
    assert_eq!(again.key.mac(Field::EthSrc).unwrap().octets(), ONE);
    let bad = ["set(tcp(dst=54))", "set(ipv6(hlimit=3))"].map(|bad| parse_actions(bad).unwrap());
    for actions in &bad {
        let error = apply(bench, execute(actions)).unwrap_err();
        assert_eq!(
            error.errno(),
            Some(nix::errno::Errno::EINVAL),
            "{actions:?}"
        );
    }
    let no_frame = Op::Execute {
        packet: &sent[..13],
        key_attrs: &up.key_attrs,
        actions: &[],
        mru: None,
        hash: None,
    };
    let error = apply(bench, no_frame).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
}

/// Waits for what must happen.
fn until(mut happened: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !happened() {
        assert!(Instant::now() < end, "waited in vain");
        std::thread::yield_now();
    }
}
