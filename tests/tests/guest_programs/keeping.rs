//! A rule is taken away, and connections that it had admitted go on (`policy.established = "keep"`).
//!
//! An original that no rule admits passes if its zone has its connection with the very mark that its own acceptance would
//! write. It commits nothing, like a reply: so what is kept is never made again.

use weft_ovs::conntrack::Filter;

use super::connection::End::{Originator, Responder};
use super::connection::What::{Next, PortUnreachable, Rst};
use super::connection::{Connection, Family, Speech};
use super::programs::{CUT, Flows, Policy, VERDICT};
use super::stage::Stage;

const JUDGED: &str = "recirc_id(1),in_port(1)";

fn open(family: Family) -> Stage {
    let mut stage = Stage::one_host();
    stage.hosts[0].put(&Flows::same_host(family, Policy::Open));
    stage
}

/// No rule admits anything any more; what was admitted is kept.
fn keep(stage: &mut Stage, family: Family) {
    let mut old = Flows::default();
    old.policy(JUDGED, family, "drop", Policy::Shut);
    for (matches, _) in &old.0 {
        stage.hosts[0].remove(matches);
    }
    let mut new = Flows::default();
    new.kept(JUDGED, family, "ct(zone=2),2");
    stage.hosts[0].put(&new);
}

fn mark(stage: &mut Stage, zone: u16, it: &Connection) -> Option<u32> {
    stage.hosts[0].entry(zone, it).map(|entry| entry.mark)
}

fn what_was_admitted_goes_on_and_nothing_begins(family: Family) {
    let mut stage = open(family);
    let mut connections = Speech::ALL.map(|speech| stage.connection(speech, family, [0, 1]));
    for it in &mut connections {
        stage.establish(it);
    }
    // One that was never answered is as good: the kernel calls each of its packets new.
    let mut unanswered = stage.connection(Speech::Udp, family, [0, 1]);
    stage.pass(&mut unanswered, Originator, Next);
    keep(&mut stage, family);
    for it in &mut connections {
        for _ in 0..2 {
            stage.pass(it, Originator, Next);
            stage.pass(it, Responder, Next);
        }
        stage.pass(it, Responder, PortUnreachable);
        stage.pass(it, Originator, PortUnreachable);
        for zone in [1, 2] {
            assert_eq!(mark(&mut stage, zone, it), Some(VERDICT));
        }
    }
    stage.pass(&mut unanswered, Originator, Next);
    stage.pass(&mut unanswered, Responder, Next);
    for speech in Speech::ALL {
        let mut new = stage.connection(speech, family, [0, 1]);
        stage.drop(&mut new, Originator, Next);
        stage.drop(&mut new, Originator, Next);
        assert_eq!(mark(&mut stage, 1, &new), None);
    }
    assert_eq!(stage.hosts[0].entries(Filter::default()).len(), 8);
}

#[test]
fn what_was_admitted_goes_on_and_nothing_begins_in_ipv4() {
    what_was_admitted_goes_on_and_nothing_begins(Family::V4);
}

#[test]
fn what_was_admitted_goes_on_and_nothing_begins_in_ipv6() {
    what_was_admitted_goes_on_and_nothing_begins(Family::V6);
}

fn a_tcp_connection_that_ended_does_not_begin_again(family: Family) {
    let mut stage = open(family);
    let mut it = stage.connection(Speech::Tcp, family, [0, 1]);
    let mut again = it.clone();
    stage.establish(&mut it);
    keep(&mut stage, family);
    stage.pass(&mut it, Originator, Next);
    stage.pass(&mut it, Originator, Rst);
    // The kernel makes a connection of its own of a SYN behind a reset, and that has no mark.
    stage.drop(&mut again, Originator, Next);
    stage.drop(&mut again, Originator, Next);
}

#[test]
fn a_tcp_connection_that_ended_does_not_begin_again_in_ipv4() {
    a_tcp_connection_that_ended_does_not_begin_again(Family::V4);
}

#[test]
fn a_tcp_connection_that_ended_does_not_begin_again_in_ipv6() {
    a_tcp_connection_that_ended_does_not_begin_again(Family::V6);
}

/// What keeping cannot do: there is nobody to judge, so an entry that is lost stays lost.
#[test]
fn what_is_kept_is_not_healed_and_what_is_cut_is_not_kept() {
    for family in [Family::V4, Family::V6] {
        for speech in Speech::ALL {
            let mut stage = open(family);
            let mut it = stage.connection(speech, family, [0, 1]);
            stage.establish(&mut it);
            keep(&mut stage, family);
            stage.hosts[0].forget(2, &it);
            // A's zone knows it, and B may not answer what its own does not know.
            stage.pass(&mut it, Originator, Next);
            stage.drop(&mut it, Responder, Next);
            assert_eq!(mark(&mut stage, 2, &it), None);
            stage.hosts[0].forget(1, &it);
            stage.drop(&mut it, Originator, Next);
            assert_eq!(stage.hosts[0].entries(Filter::default()), []);

            let mut stage = open(family);
            let mut it = stage.connection(speech, family, [0, 1]);
            stage.establish(&mut it);
            keep(&mut stage, family);
            let host = &mut stage.hosts[0];
            let bit = weft_ovs::conntrack::Bits {
                value: CUT,
                mask: CUT,
            };
            for zone in [1, 2] {
                let outcome = host.conntrack.set_mark(zone, &it.tuple(), bit);
                assert_eq!(outcome.unwrap(), weft_ovs::conntrack::Outcome::Done);
            }
            stage.drop(&mut it, Originator, Next);
        }
    }
}
