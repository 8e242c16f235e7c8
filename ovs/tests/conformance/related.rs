//! ICMP errors, and what never belongs to a connection.

use std::net::Ipv6Addr;

use weft_flow::Field;
use weft_ovs::conntrack::{Filter, Part};

use super::connections::{A, B, EST, INV, NEW, REL, RPL, TRK, answer, pass, track};
use super::entries::{list, tuple};
use super::frames::{SIX_A, SIX_B, echo, icmpv6, port_unreachable, tcp, udp, udp6};
use super::{Bench, put};

pub(crate) fn an_icmp_error_is_related_to_the_connection_that_it_quotes(bench: &mut dyn Bench) {
    let (one, two) = track(bench, ["ct(commit,zone=5,mark=0x11)", "ct(zone=5)"]);
    for (there, back) in [
        (udp(4000, 53), udp(53, 4000).between(B, A)),
        (echo(9, false), echo(9, true).between(B, A)),
        (tcp(4000, 80, 0x02), tcp(80, 4000, 0x12).between(B, A)),
    ] {
        // Before there is a connection, by its answerer and by its beginner, and from somebody on the way.
        let by_answerer = answer(&port_unreachable(&there));
        let (state, ..) = pass(bench, two, &by_answerer);
        assert_eq!(state, TRK | INV);
        pass(bench, one, &there.frame());
        let on_the_way = answer(&port_unreachable(&there).between([198, 51, 100, 1], A));
        for error in [by_answerer, on_the_way] {
            let (state, key, packet) = pass(bench, two, &error);
            assert_eq!(state, TRK | REL | RPL);
            assert_eq!(key.get(Field::CtMark), Some(0x11));
            assert_eq!(key.get(Field::CtV4Src), Some(0xc000_0201));
            assert_eq!(packet, error);
        }
        // An error is no answer.
        let mut conntrack = bench.datapath().conntrack().unwrap();
        let entries = list(&mut *conntrack, Filter::default());
        let seen = entries.iter().filter(|it| it.status.has_seen_reply());
        let answered = seen.count();
        pass(bench, two, &answer(&back));
        let entries = list(&mut *conntrack, Filter::default());
        let seen = entries.iter().filter(|it| it.status.has_seen_reply());
        assert_eq!(seen.count(), answered + 1);
        let by_beginner = port_unreachable(&back).frame();
        let (state, ..) = pass(bench, one, &by_beginner);
        assert_eq!(state, TRK | REL);
        // To somebody else.
        let astray = port_unreachable(&there).between(B, [192, 0, 2, 9]);
        let (state, ..) = pass(bench, two, &answer(&astray));
        assert_eq!(state, TRK | INV);
    }
    let mut conntrack = bench.datapath().conntrack().unwrap();
    assert_eq!(list(&mut *conntrack, Filter::default()).len(), 3);
}

/// Two ports whose IPv6 packets go through `actions` and come up after.
fn track6(bench: &mut dyn Bench, actions: [&str; 2]) -> (usize, usize) {
    let ports = (bench.add_port(), bench.add_port());
    for (port, actions) in [ports.0, ports.1].into_iter().zip(actions) {
        let number = bench.number(port);
        put(
            bench,
            &format!("recirc_id(0),in_port({number}),eth(),eth_type(0x86dd),ipv6(frag=no)"),
            &format!("{actions},recirc(1)"),
        );
    }
    ports
}

pub(crate) fn connections_of_ipv6_are_listed_and_their_errors_related(bench: &mut dyn Bench) {
    let (one, two) = track6(bench, ["ct(commit,zone=5,mark=0x11)", "ct(zone=5)"]);
    let there = udp6([SIX_A, SIX_B], 4000, 53);
    let echo = icmpv6([SIX_A, SIX_B], 128, &[0, 9, 0, 1]);
    for frame in [&there, &echo] {
        let (state, ..) = pass(bench, one, frame);
        assert_eq!(state, TRK | NEW);
    }
    let quote = [&[0; 4], &there[14..]].concat();
    let error = icmpv6([SIX_B, SIX_A], 1, &quote);
    let (state, key, _) = pass(bench, two, &error);
    assert_eq!(state, TRK | REL | RPL);
    assert_eq!(key.get(Field::CtMark), Some(0x11));
    let (state, ..) = pass(bench, two, &icmpv6([SIX_B, SIX_A], 129, &[0, 9, 0, 1]));
    assert_eq!(state, TRK | EST | RPL);
    let (state, ..) = pass(bench, two, &icmpv6([SIX_B, SIX_A], 129, &[0, 8, 0, 1]));
    assert_eq!(state, TRK | INV);
    let addresses = [SIX_A, SIX_B].map(Ipv6Addr::from);
    let udp = tuple(addresses[0], addresses[1], [4000, 53]);
    let mut conntrack = bench.datapath().conntrack().unwrap();
    let entries = list(&mut *conntrack, Filter::default());
    assert_eq!(entries.len(), 2, "{entries:?}");
    assert_eq!(entries[0].original, udp);
    assert_eq!(entries[1].original.protocol, 58);
    let part = Part::Icmp {
        identifier: 9,
        kind: 128,
        code: 0,
    };
    assert_eq!(entries[1].original.part, part);
    for entry in entries {
        assert_eq!(entry.mark, 0x11);
        let _ = conntrack.delete(5, &entry.original).unwrap();
    }
    assert_eq!(list(&mut *conntrack, Filter::default()), []);
}

pub(crate) fn neighbour_discovery_and_listener_reports_are_invalid(bench: &mut dyn Bench) {
    let (one, _) = track6(bench, ["ct(commit,zone=5)", "ct(zone=5)"]);
    for kind in (130..=137).chain([143]) {
        let rest = [&[0; 4], &SIX_B[..], &[0; 8]].concat();
        let message = icmpv6([SIX_A, SIX_B], kind, &rest);
        let (state, _, packet) = pass(bench, one, &message);
        assert_eq!(state, TRK | INV, "type {kind}");
        assert_eq!(packet, message);
    }
    let mut conntrack = bench.datapath().conntrack().unwrap();
    assert_eq!(list(&mut *conntrack, Filter::default()), []);
}
