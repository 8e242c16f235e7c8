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

/// From the ethertype on.
const ARP_REQUEST: [u8; 30] = [
    0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192,
    0, 2, 2,
];

/// From the ethertype on; with the sender's link-layer address.
const NEIGHBOUR_SOLICITATION: [u8; 74] = {
    let mut frame = [0; 74];
    let mut at = 0;
    // The IPv6 header up to the hop limit.
    let start = [0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, 58, 255];
    while at < start.len() {
        frame[at] = start[at];
        at += 1;
    }
    (frame[10], frame[11], frame[25]) = (0xfe, 0x80, 1);
    (frame[26], frame[27], frame[41]) = (0xff, 0x02, 2);
    frame[42] = 135;
    (frame[50], frame[51], frame[65]) = (0xfe, 0x80, 2);
    (frame[66], frame[67], frame[68], frame[73]) = (1, 1, 2, 1);
    frame
};

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
        [&plain[..12], &[0, 5, 0x42, 0x42, 3, 0, 0]].concat(),
        [&plain[..12], &ARP_REQUEST].concat(),
        [&plain[..12], &NEIGHBOUR_SOLICITATION].concat(),
        plain,
    ];
    for frame in frames {
        bench.send(port, &frame);
        let up = upcall(bench, port);
        assert_eq!(up.packet, frame);
        let exact = dictionary::exact(&up.key);
        let fitted = dictionary::fit(&up.key, FlowMask::new().add_implied(&up.key));
        for mask in [&exact, &fitted] {
            let ufid = Ufid::of(&up.key, mask);
            let put = Op::Put {
                ufid,
                key: &up.key,
                mask,
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
            if *mask == exact {
                assert_eq!(found.key, up.key);
            }
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
