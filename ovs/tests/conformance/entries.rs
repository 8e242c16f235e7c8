//! The table of connections: listed, marked, deleted from.

use std::net::IpAddr;

use weft_flow::Field;
use weft_ovs::conntrack::{Bits, Conntrack, Entry, Filter, Outcome, Part, Tuple};

use super::Bench;
use super::connections::{A, B, EST, NEW, RPL, TRK, answer, pass, track};
use super::frames::{echo, tcp, udp};

pub(super) fn tuple(source: impl Into<IpAddr>, to: impl Into<IpAddr>, ports: [u16; 2]) -> Tuple {
    Tuple {
        source: source.into(),
        destination: to.into(),
        protocol: 17,
        part: Part::Ports {
            source: ports[0],
            destination: ports[1],
        },
    }
}

pub(super) fn list(conntrack: &mut dyn Conntrack, filter: Filter) -> Vec<Entry> {
    let mut entries = Vec::new();
    conntrack
        .list(filter, &mut |entry| entries.push(entry.unwrap()))
        .unwrap();
    entries.sort_by_key(|entry| (entry.zone, entry.original));
    entries
}

fn with_mark(value: u32, mask: u32) -> Filter {
    Filter {
        mark: Some(Bits { value, mask }),
        zone: None,
    }
}

pub(crate) fn a_listing_shows_zones_tuples_and_marks(bench: &mut dyn Bench) {
    let commit = "ct(commit,zone=5,mark=0x11),ct(commit,zone=6,mark=0x112)";
    let (one, two) = track(bench, [commit, "ct(zone=5)"]);
    for frame in [udp(4000, 53), tcp(4001, 80, 0x02), echo(9, false)] {
        pass(bench, one, &frame.frame());
    }
    pass(bench, two, &answer(&udp(53, 4000).between(B, A)));
    let udp = tuple(A, B, [4000, 53]);
    let tcp = Tuple {
        protocol: 6,
        ..tuple(A, B, [4001, 80])
    };
    let echo = Tuple {
        protocol: 1,
        part: Part::Icmp {
            identifier: 9,
            kind: 8,
            code: 0,
        },
        ..udp
    };
    let mut conntrack = bench.datapath().conntrack().unwrap();
    let entries = list(&mut *conntrack, Filter::default());
    let names: Vec<_> = entries.iter().map(|it| (it.zone, it.original)).collect();
    let wanted = [5, 6].map(|zone| [(zone, echo), (zone, tcp), (zone, udp)]);
    assert_eq!(names, wanted.concat());
    for entry in &entries {
        assert_eq!(entry.reply, entry.original.inverse().unwrap());
        assert_eq!(entry.mark, if entry.zone == 5 { 0x11 } else { 0x112 });
        assert!(entry.status.is_confirmed() && !entry.status.is_dying());
        let is_answered = (entry.zone, entry.original) == (5, udp);
        assert_eq!(entry.status.has_seen_reply(), is_answered);
        let found = conntrack.entry(entry.zone, &entry.original).unwrap();
        assert_eq!(found.map(|it| it.id), Some(entry.id));
    }
    for (filter, zones) in [
        (with_mark(0x11, u32::MAX), &[5, 5, 5][..]),
        (with_mark(0x10, 0xf0), &[5, 5, 5, 6, 6, 6]),
        (with_mark(0x100, 0x100), &[6, 6, 6]),
        (with_mark(0, 0x100), &[5, 5, 5]),
        // Bits outside of the mask do not count.
        (with_mark(0xf11, 0xff), &[5, 5, 5]),
        (with_mark(0x13, u32::MAX), &[]),
        (with_mark(0, 0), &[5, 5, 5, 6, 6, 6]),
    ] {
        let found = list(&mut *conntrack, filter);
        let found: Vec<_> = found.iter().map(|it| it.zone).collect();
        assert_eq!(found, zones, "{filter:?}");
    }
    let both = Filter {
        zone: Some(6),
        ..with_mark(0x10, 0xf0)
    };
    let found = list(&mut *conntrack, both);
    assert!(found.len() == 3 && found.iter().all(|it| it.zone == 6));
}

pub(crate) fn an_entry_shows_how_its_answers_come_when_it_is_translated(bench: &mut dyn Bench) {
    let out = "ct(commit,zone=6,nat(src=198.51.100.1:7000))";
    let (one, _) = track(bench, [out, "ct(zone=6,nat)"]);
    pass(bench, one, &udp(4000, 53).frame());
    let mut conntrack = bench.datapath().conntrack().unwrap();
    let entry = conntrack.entry(6, &tuple(A, B, [4000, 53])).unwrap();
    assert_eq!(
        entry.unwrap().reply,
        tuple(B, [198, 51, 100, 1], [53, 7000])
    );
    // What the answers look like does not name it.
    let reply = tuple(B, [198, 51, 100, 1], [53, 7000]);
    assert_eq!(conntrack.entry(6, &reply).unwrap(), None);
}

pub(crate) fn a_mark_is_written_to_one_entry_and_makes_none(bench: &mut dyn Bench) {
    let commit = "ct(commit,zone=5,mark=0x11),ct(commit,zone=6,mark=0x11)";
    let (one, two) = track(bench, [commit, "ct(zone=5)"]);
    pass(bench, one, &udp(4000, 53).frame());
    pass(bench, one, &udp(4001, 53).frame());
    let udp_4000 = tuple(A, B, [4000, 53]);
    let mut conntrack = bench.datapath().conntrack().unwrap();
    let cut = Bits {
        value: 0xffff_ffff, // of which one bit is written
        mask: 0x8000_0000,
    };
    let marked = conntrack.set_mark(5, &udp_4000, cut).unwrap();
    assert_eq!(marked, Outcome::Done);
    let marks = |conntrack: &mut dyn Conntrack| -> Vec<_> {
        let entries = list(conntrack, Filter::default());
        entries.iter().map(|it| it.mark).collect()
    };
    let wanted = [0x8000_0011, 0x11, 0x11, 0x11];
    assert_eq!(marks(&mut *conntrack), wanted);
    // Another zone, another tuple, and the answers' direction name nothing.
    for (zone, name) in [
        (7, udp_4000),
        (5, tuple(A, B, [4002, 53])),
        (5, udp_4000.inverse().unwrap()),
    ] {
        let outcome = conntrack.set_mark(zone, &name, Bits::all(0)).unwrap();
        assert_eq!(outcome, Outcome::NotThere, "zone {zone}: {name}");
    }
    assert_eq!(marks(&mut *conntrack), wanted);
    let (state, key, _) = pass(bench, two, &answer(&udp(53, 4000).between(B, A)));
    assert_eq!(state, TRK | EST | RPL);
    assert_eq!(key.get(Field::CtMark), Some(0x8000_0011));
}

pub(crate) fn a_deletion_takes_one_entry_by_its_original_direction(bench: &mut dyn Bench) {
    let commit = "ct(commit,zone=5),ct(commit,zone=6)";
    let (one, _) = track(bench, [commit, "ct(zone=5)"]);
    for port in [4000, 4001] {
        pass(bench, one, &udp(port, 53).frame());
    }
    let name = tuple(A, B, [4000, 53]);
    let mut conntrack = bench.datapath().conntrack().unwrap();
    for (zone, name) in [
        (7, name),
        (5, tuple(A, B, [4002, 53])),
        (5, name.inverse().unwrap()),
    ] {
        let outcome = conntrack.delete(zone, &name).unwrap();
        assert_eq!(outcome, Outcome::NotThere, "zone {zone}: {name}");
    }
    assert_eq!(list(&mut *conntrack, Filter::default()).len(), 4);
    assert_eq!(conntrack.delete(5, &name).unwrap(), Outcome::Done);
    assert_eq!(conntrack.delete(5, &name).unwrap(), Outcome::NotThere);
    let left: Vec<_> = list(&mut *conntrack, Filter::default())
        .iter()
        .map(|it| (it.zone, it.original))
        .collect();
    let other = tuple(A, B, [4001, 53]);
    assert_eq!(left, [(5, other), (6, name), (6, other)]);
    // It may begin again.
    let (state, ..) = pass(bench, one, &udp(4000, 53).frame());
    assert_eq!(state, TRK | NEW);
    assert_eq!(list(&mut *conntrack, Filter::default()).len(), 4);
}

pub(crate) fn a_committed_mark_is_in_the_key_and_replaces_what_was_written(bench: &mut dyn Bench) {
    let (one, two) = track(bench, ["ct(commit,zone=5,mark=0x11)", "ct(zone=5)"]);
    let name = tuple(A, B, [4000, 53]);
    let mark = |bench: &mut dyn Bench, port, frame: &[u8]| {
        let (_, key, _) = pass(bench, port, frame);
        key.get(Field::CtMark).unwrap()
    };
    let there = udp(4000, 53).frame();
    let back = answer(&udp(53, 4000).between(B, A));
    assert_eq!(mark(bench, one, &there), 0x11);
    let mut conntrack = bench.datapath().conntrack().unwrap();
    let outcome = conntrack.set_mark(5, &name, Bits::all(0x8000_0022));
    assert_eq!(outcome.unwrap(), Outcome::Done);
    // An answer commits nothing.
    assert_eq!(mark(bench, two, &back), 0x8000_0022);
    assert_eq!(mark(bench, two, &back), 0x8000_0022);
    assert_eq!(mark(bench, one, &there), 0x11);
    assert_eq!(mark(bench, two, &back), 0x11);
    let entry = conntrack.entry(5, &name).unwrap().unwrap();
    assert_eq!(entry.mark, 0x11);
}
