//! What dumps show of a flow.

use weft_flow::{Field, Flow, FlowMask, Header, Ufid, dictionary};
use weft_ovs::{DumpedFlow, Op, PutMode};

use super::frames::{tagged, tcp, udp};
use super::{Bench, Line, apply, put, upcall};

fn dump(bench: &mut dyn Bench) -> Vec<DumpedFlow> {
    let mut flows = Vec::new();
    let visit = &mut |flow: Result<DumpedFlow, _>| flows.push(flow.unwrap());
    bench.datapath().flows(visit).unwrap();
    flows
}

/// The whole of a flow, what does not count with it.
fn text(flow: &DumpedFlow) -> String {
    let (key, mask) = (&flow.key, &flow.mask);
    format!("{:#}", Flow { key, mask })
}

pub(crate) fn a_dump_shows_what_counts_and_the_kernels_metadata(bench: &mut dyn Bench) {
    let metadata = "skb_priority(0/0),in_port(1),skb_mark(0/0),ct_state(0/0),ct_zone(0/0),\
                    ct_mark(0/0),ct_label(0/0),";
    let mac =
        "eth(src=00:00:00:00:00:00/00:00:00:00:00:00,dst=00:00:00:00:00:00/00:00:00:00:00:00)";
    for (matches, shown) in [
        (
            "recirc_id(0),in_port(1),eth(),eth_type(0x88b5)",
            "eth_type(0x88b5)",
        ),
        (
            "recirc_id(0),in_port(1),eth(),eth_type(0x0800),ipv4(dst=192.0.2.7/255.255.255.0)",
            "eth_type(0x0800),ipv4(src=0.0.0.0/0.0.0.0,dst=192.0.2.0/255.255.255.0,proto=0/0,\
             tos=0/0,ttl=0/0,frag=no/0)",
        ),
        (
            "recirc_id(0),in_port(1),eth(),eth_type(0x0806),arp(op=1)",
            "eth_type(0x0806),arp(sip=0.0.0.0/0.0.0.0,tip=0.0.0.0/0.0.0.0,op=1,\
             sha=00:00:00:00:00:00/00:00:00:00:00:00,tha=00:00:00:00:00:00/00:00:00:00:00:00)",
        ),
    ] {
        let line = put(bench, matches, "drop");
        let flows = dump(bench);
        let [flow] = &flows[..] else {
            panic!("{flows:?}");
        };
        let told = text(flow);
        assert!(told.contains(metadata), "{told}");
        let wanted = format!("{mac},{shown}");
        assert!(told.ends_with(&wanted), "{told}\n{wanted}");
        assert_eq!(flow.ufid, Some(line.ufid));
        assert_eq!(flow.mask, line.mask);
        apply(bench, Op::Delete { ufid: line.ufid }).unwrap();
    }
    // A protocol that does not count hides its header, which the key had.
    let mut hidden = Line::new(
        "recirc_id(0),in_port(1),eth(),eth_type(0x0800),ipv4(proto=17)",
        "drop",
    );
    hidden.mask.set(Field::IpProto, 0);
    hidden.put(bench, PutMode::Create).unwrap();
    let told = text(&dump(bench)[0]);
    assert!(
        told.ends_with("proto=0/0,tos=0/0,ttl=0/0,frag=no/0)"),
        "{told}"
    );
}

pub(crate) fn an_upcalls_key_becomes_its_flow(bench: &mut dyn Bench) {
    let port = bench.add_port();
    let plain = tcp(4000, 80, 0x12).frame();
    let frames = [
        tagged(&udp(4000, 53).frame(), 0x8100, 5),
        udp(4000, 53).frame(),
        [&plain[..12], &[0x88, 0xb5, 1, 2, 3, 4]].concat(),
        plain,
    ];
    for frame in frames {
        bench.send(port, &frame);
        let up = upcall(bench, port);
        assert_eq!(up.packet, frame);
        let exact = dictionary::exact(&up.key);
        let fitted = dictionary::fit(&up.key, FlowMask::new().add_implied(&up.key));
        for mask in [exact, fitted] {
            let ufid = Ufid::of(&up.key, &mask);
            let put = Op::Put {
                ufid,
                key: &up.key,
                mask: &mask,
                actions: &[],
                mode: PutMode::Create,
            };
            apply(bench, put).unwrap();
            let found = bench.datapath().flow(ufid).unwrap().unwrap();
            // That there be no original tuple is compared, but not shown.
            let mut shown = mask.clone();
            for field in Header::CtTuple4.fields() {
                shown.set(field, 0);
            }
            assert_eq!(found.mask, shown);
            assert!(mask.agree(&found.key, &up.key), "{:?}", found.key);
            bench.send(port, &frame);
            let hits = loop {
                let flow = bench.datapath().flow(ufid).unwrap().unwrap();
                if flow.stats.packets > 0 {
                    break flow.stats.packets;
                }
            };
            assert_eq!(hits, 1, "{frame:02x?} does not meet its flow");
            apply(bench, Op::Delete { ufid }).unwrap();
        }
    }
}
