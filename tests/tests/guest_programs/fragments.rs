//! Fragments: connection tracking puts them together, the output cuts them again.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use weft_flow::{Field, parse_actions};
use weft_ovs::conntrack::Filter;
use weft_ovs::{Datapath, Op, UpcallBuffer};

use super::across::{known, two_zones};
use super::connection::End::{Originator, Responder};
use super::connection::What::Next;
use super::connection::{Connection, End, Family, Speech};
use super::packet::Packet;
use super::programs::{Flows, Policy};
use super::stage::Stage;

/// Bytes of payload: six fragments.
const BIG: usize = 8_000;
const MTU: usize = 1_500;
const FRAGMENTS: usize = 6;

/// A connection of large datagrams from the first machine to the second, of which none was sent yet.
fn large(stage: &mut Stage, family: Family, port: Option<u16>) -> Connection {
    let connection = stage.connection_to(Speech::Udp, family, [0, 1], port);
    connection.with_payload(BIG)
}

fn open(family: Family) -> Stage {
    let mut stage = Stage::one_host();
    stage.hosts[0].put(&Flows::same_host(family, Policy::Open));
    stage
}

/// An end's next datagram, and its fragments under an id.
fn cut(connection: &Connection, by: End, id: u32) -> (Packet, Vec<Packet>) {
    let whole = connection.packet(by, Next);
    let fragments = whole.fragments(MTU, id);
    assert_eq!(fragments.len(), FRAGMENTS);
    (whole, fragments)
}

fn ends(connection: &Connection, by: End) -> [usize; 2] {
    by.and_peer().map(|end| connection.machines[end])
}

fn lengths(fragments: &[Packet]) -> Vec<usize> {
    let mut sorted: Vec<_> = fragments
        .iter()
        .map(|it| (it.fragment, it.body.len()))
        .collect();
    sorted.sort();
    sorted.into_iter().map(|(_, length)| length).collect()
}

/// Sends a datagram in fragments, which must arrive whole, in fragments of the same sizes.
#[track_caller]
fn pass(stage: &mut Stage, connection: &mut Connection, by: End, id: u32, reversed: bool) {
    let (whole, mut fragments) = cut(connection, by, id);
    let sizes = lengths(&fragments);
    if reversed {
        fragments.reverse();
    }
    let arrived = stage.carry(ends(connection, by), &fragments);
    assert_eq!(lengths(&arrived), sizes);
    assert_eq!(Packet::joined(arrived), Some(whole.clone()));
    connection.arrived(by, Next, whole);
}

fn a_datagram_is_judged_whole_and_leaves_in_fragments_of_the_old_size(family: Family) {
    let mut stage = open(family);
    let mut connection = large(&mut stage, family, None);
    let it = &mut connection;
    for reversed in [false, true] {
        pass(&mut stage, it, Originator, 1, reversed);
        pass(&mut stage, it, Responder, 2, reversed);
    }
    assert!(stage.hosts[0].knows(1, it) && stage.hosts[0].knows(2, it));
    // Nothing is known of it any more on B's side: its fragments are judged, too.
    stage.hosts[0].forget(2, it);
    let (_, fragments) = cut(it, Responder, 3);
    assert_eq!(stage.carry([1, 0], &fragments), []);
    let mut denied = large(&mut stage, family, Some(9_000));
    let (_, fragments) = cut(&denied, Originator, 4);
    assert_eq!(stage.carry([0, 1], &fragments), []);
    assert!(!stage.hosts[0].knows(1, &denied));
    denied = large(&mut stage, family, None);
    pass(&mut stage, &mut denied, Originator, 5, false);
}

#[test]
fn a_datagram_is_judged_whole_and_leaves_in_fragments_of_the_old_size_in_ipv4() {
    a_datagram_is_judged_whole_and_leaves_in_fragments_of_the_old_size(Family::V4);
}

#[test]
fn a_datagram_is_judged_whole_and_leaves_in_fragments_of_the_old_size_in_ipv6() {
    a_datagram_is_judged_whole_and_leaves_in_fragments_of_the_old_size(Family::V6);
}

/// The receiver of an original puts it together, commits it and cuts it again in one pass.
#[test]
fn a_datagram_in_fragments_crosses_a_tunnel_as_an_original_and_as_a_reply() {
    for family in [Family::V4, Family::V6] {
        let mut stage = two_zones(family, Policy::Shut);
        let mut connection = large(&mut stage, family, None);
        let it = &mut connection;
        pass(&mut stage, it, Originator, 1, false);
        assert_eq!(known(&mut stage, it), [true, true]);
        pass(&mut stage, it, Responder, 2, true);
        stage.hosts[0].forget(1, it);
        let (_, fragments) = cut(it, Responder, 3);
        assert_eq!(stage.carry([1, 0], &fragments), []);
        pass(&mut stage, it, Originator, 4, true);
        pass(&mut stage, it, Responder, 5, false);
    }
}

#[test]
fn a_first_or_later_fragment_alone_never_leaves() {
    for family in [Family::V4, Family::V6] {
        let mut stage = open(family);
        let mut connection = large(&mut stage, family, None);
        pass(&mut stage, &mut connection, Originator, 1, false);
        for (by, id) in [(Originator, 2), (Responder, 20)] {
            let ends = ends(&connection, by);
            let (_, fragments) = cut(&connection, by, id);
            assert_eq!(stage.carry(ends, &fragments[..1]), []);
            let (_, fragments) = cut(&connection, by, id + 1);
            assert_eq!(stage.carry(ends, &fragments[1..]), []);
            let (_, fragments) = cut(&connection, by, id + 2);
            assert_eq!(stage.carry(ends, &fragments[1..2]), []);
            assert_eq!(stage.carry(ends, &fragments[5..]), []);
        }
    }
}

#[test]
fn overlapping_fragments_are_dropped_and_none_of_their_bytes_get_into_a_datagram() {
    for family in [Family::V4, Family::V6] {
        let mut stage = open(family);
        let connection = large(&mut stage, family, None);
        // The second begins 8 bytes before the first ends, and has bytes of its own there.
        let (whole, right) = cut(&connection, Originator, 1);
        let mut second = right[1].clone();
        let mut place = second.fragment.unwrap();
        place.offset -= 8;
        second.fragment = Some(place);
        second.body.fill(0xee);
        let overlapping = [&[right[0].clone(), second][..], &right[2..]].concat();
        assert_eq!(stage.carry([0, 1], &overlapping), []);
        assert_eq!(stage.hosts[0].entries(Filter::default()), []);
        // Those that came after it wait for the rest of theirs.
        let arrived = stage.carry([0, 1], &right[..2]);
        assert_eq!(Packet::joined(arrived), Some(whole));
    }
}

/// Why each execute carries the upcall's MRU back.
#[test]
fn a_reassembled_packet_is_lost_unless_it_is_executed_with_its_mru() {
    for family in [Family::V4, Family::V6] {
        let mut stage = Stage::one_host();
        let mut flows = Flows::default();
        flows.enter(family, (1, 1), (1, 1), "2");
        let host = &mut stage.hosts[0];
        host.put(&flows);
        let mut upcalls = host.datapath.upcall_socket(1 << 20).unwrap();
        host.datapath.set_upcall_pids(1, &[upcalls.pid()]).unwrap();
        let connection = large(&mut stage, family, None);
        let (whole, fragments) = cut(&connection, Originator, 1);
        stage.missed += 1;
        assert_eq!(stage.carry([0, 1], &fragments), []);

        let waiting = PollFd::new(upcalls.as_fd(), PollFlags::POLLIN);
        let ready = poll(&mut [waiting], PollTimeout::from(20_000u16)).unwrap();
        assert_eq!(ready, 1, "no upcall came");
        let mut buffer = UpcallBuffer::new();
        let upcall = upcalls.receive(&mut buffer).unwrap().unwrap();
        assert_eq!(upcall.key.get(Field::RecircId), Some(1));
        assert_eq!(upcall.key.get(Field::IpFrag), Some(0));
        assert_eq!(upcall.key.get(Field::TpDst), Some(53));
        assert_eq!(Packet::of_frame(upcall.packet), Some(whole.clone()));
        let longest = fragments.iter().map(|it| it.bytes().len()).max();
        assert_eq!(upcall.mru.map(usize::from), longest);
        let actions = parse_actions("ct(commit,zone=1),2").unwrap();
        for (mru, is_lost) in [(None, true), (upcall.mru, false)] {
            let execute = Op::Execute {
                packet: upcall.packet,
                key_attrs: upcall.key_attrs,
                actions: &actions,
                mru,
                hash: upcall.hash,
            };
            let mut results = Vec::new();
            stage.hosts[0].datapath.apply(&[execute], &mut results);
            assert!(results[0].is_ok(), "{results:?}");
            let arrived = stage.collect([0, 1]);
            match is_lost {
                true => assert_eq!(arrived, []),
                false => assert_eq!(lengths(&arrived), lengths(&fragments)),
            }
        }
    }
}

/// Why a verdict that reads ports needs them put together, also where nothing else needs connection tracking.
#[test]
fn without_tracking_a_later_fragment_looks_like_one_of_port_0() {
    let family = Family::V4;
    let mut stage = Stage::one_host();
    let mut flows = Flows::default();
    let any = family.ip("proto=17");
    flows.add(format!("recirc_id(0),in_port(1),{any},udp(dst=53)"), "2");
    let zero = format!("recirc_id(0),in_port(1),{any},udp(dst=0)");
    flows.add(&*zero, "drop");
    stage.hosts[0].put(&flows);
    let connection = large(&mut stage, family, None);
    let (_, fragments) = cut(&connection, Originator, 1);
    let arrived = stage.carry([0, 1], &fragments);
    assert_eq!(arrived, fragments[..1]);
    assert_eq!(stage.hosts[0].packets(&zero), FRAGMENTS as u64 - 1);
}
