//! Connection tracking, seen by the keys of packets that come up in the second pass.

use weft_flow::{Field, FlowKey};

use super::frames::{Ip, ONE, TWO, echo, tcp, udp};
use super::{Bench, put, upcall};

pub(super) const NEW: u128 = 0x01;
pub(super) const EST: u128 = 0x02;
pub(super) const REL: u128 = 0x04;
pub(super) const RPL: u128 = 0x08;
pub(super) const INV: u128 = 0x10;
pub(super) const TRK: u128 = 0x20;
const SNAT: u128 = 0x40;
const DNAT: u128 = 0x80;

/// Two ports whose IPv4 packets go through `actions` and come up after.
pub(super) fn track(bench: &mut dyn Bench, actions: [&str; 2]) -> (usize, usize) {
    let ports = (bench.add_port(), bench.add_port());
    for (port, actions) in [ports.0, ports.1].into_iter().zip(actions) {
        let number = bench.number(port);
        put(
            bench,
            &format!("recirc_id(0),in_port({number}),eth(),eth_type(0x0800),ipv4(frag=no)"),
            &format!("{actions},recirc(1)"),
        );
    }
    ports
}

pub(super) fn pass(bench: &mut dyn Bench, port: usize, frame: &[u8]) -> (u128, FlowKey, Vec<u8>) {
    bench.send(port, frame);
    let up = upcall(bench, port);
    (up.key.get(Field::CtState).unwrap(), up.key, up.packet)
}

pub(super) fn answer(ip: &Ip) -> Vec<u8> {
    ip.frame_between(TWO, ONE)
}

/// The original direction's tuple in a key.
fn original(key: &FlowKey) -> [Option<u128>; 5] {
    [
        Field::CtV4Src,
        Field::CtV4Dst,
        Field::CtProto,
        Field::CtTpSrc,
        Field::CtTpDst,
    ]
    .map(|field| key.get(field))
}

pub(super) const A: [u8; 4] = [192, 0, 2, 1];
pub(super) const B: [u8; 4] = [192, 0, 2, 2];
const OUTSIDE: [u8; 4] = [198, 51, 100, 1];

fn bits(address: [u8; 4]) -> u128 {
    u32::from_be_bytes(address).into()
}

pub(crate) fn a_connection_is_new_until_it_is_answered(bench: &mut dyn Bench) {
    let (one, two) = track(bench, ["ct(commit,zone=5)", "ct(zone=5)"]);
    for (there, back) in [
        (udp(4000, 53), udp(53, 4000).between(B, A)),
        (echo(9, false), echo(9, true).between(B, A)),
        (tcp(4000, 80, 0x02), tcp(80, 4000, 0x12).between(B, A)),
    ] {
        for _ in 0..2 {
            let (state, key, packet) = pass(bench, one, &there.frame());
            assert_eq!(state, TRK | NEW);
            assert_eq!(key.get(Field::CtZone), Some(5));
            assert_eq!(packet, there.frame());
        }
        let (state, key, _) = pass(bench, two, &answer(&back));
        assert_eq!(state, TRK | EST | RPL);
        let [source, destination, ..] = original(&key);
        assert_eq!((source, destination), (Some(bits(A)), Some(bits(B))));
        let next = match there.transport {
            super::frames::Transport::Tcp { .. } => tcp(4000, 80, 0x10),
            _ => there.clone(),
        };
        let (state, key, _) = pass(bench, one, &next.frame());
        assert_eq!(state, TRK | EST);
        assert_eq!(original(&key)[0], Some(bits(A)));
    }
    let (_, key, _) = pass(bench, one, &udp(4001, 53).frame());
    let wanted = [bits(A), bits(B), 17, 4001, 53].map(Some);
    assert_eq!(original(&key), wanted);
    let (_, key, _) = pass(bench, one, &echo(10, false).frame());
    let wanted = [bits(A), bits(B), 1, 8, 0].map(Some);
    assert_eq!(original(&key), wanted);
}

pub(crate) fn a_translation_is_undone_for_answers(bench: &mut dyn Bench) {
    let out = "ct(commit,zone=6,nat(src=198.51.100.1:7000))";
    let (one, two) = track(bench, [out, "ct(zone=6,nat)"]);
    let (state, key, packet) = pass(bench, one, &udp(4000, 53).frame());
    assert_eq!(state, TRK | NEW | SNAT);
    let outside = udp(7000, 53).between(OUTSIDE, B);
    assert_eq!(packet, outside.frame());
    assert_eq!(key.get(Field::Ipv4Src), Some(bits(OUTSIDE)));
    assert_eq!(key.get(Field::TpSrc), Some(7000));
    assert_eq!(original(&key), [bits(A), bits(B), 17, 4000, 53].map(Some));
    let (state, key, packet) = pass(bench, two, &answer(&udp(53, 7000).between(B, OUTSIDE)));
    assert_eq!(state, TRK | EST | RPL | DNAT);
    assert_eq!(packet, answer(&udp(53, 4000).between(B, A)));
    assert_eq!(original(&key), [bits(A), bits(B), 17, 4000, 53].map(Some));
    let (state, _, packet) = pass(bench, one, &udp(4000, 53).frame());
    assert_eq!(state, TRK | EST | SNAT);
    assert_eq!(packet, outside.frame());
}

pub(crate) fn what_cannot_begin_a_connection_is_invalid(bench: &mut dyn Bench) {
    let (one, _) = track(bench, ["ct(commit,zone=5)", "ct(zone=5)"]);
    for frame in [
        tcp(4000, 80, 0x12).frame(),
        tcp(4001, 80, 0x04).frame(),
        tcp(4002, 80, 0x11).frame(),
        echo(1, true).frame(),
    ] {
        let (state, key, packet) = pass(bench, one, &frame);
        assert_eq!(state, TRK | INV, "{frame:02x?}");
        assert_eq!(original(&key), [None; 5]);
        assert_eq!(packet, frame);
    }
    // A connection under way is picked up.
    let (state, ..) = pass(bench, one, &tcp(4003, 80, 0x10).frame());
    assert_eq!(state, TRK | NEW);
}

pub(crate) fn zones_do_not_share_connections(bench: &mut dyn Bench) {
    let (one, two) = track(bench, ["ct(commit,zone=1)", "ct(zone=2)"]);
    let (state, ..) = pass(bench, one, &udp(4000, 53).frame());
    assert_eq!(state, TRK | NEW);
    let (state, key, _) = pass(bench, two, &answer(&udp(53, 4000).between(B, A)));
    assert_eq!(state, TRK | NEW);
    assert_eq!(original(&key)[0], Some(bits(B)));
    // Without commit nothing is kept.
    let (state, ..) = pass(bench, two, &udp(4000, 53).frame());
    assert_eq!(state, TRK | NEW);
}
