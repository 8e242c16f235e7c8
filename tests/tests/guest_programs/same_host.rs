//! Both ends on one host.

use weft_ovs::conntrack::Filter;

use super::connection::End::{Originator, Responder};
use super::connection::What::{Next, PortUnreachable, TooBig};
use super::connection::{Family, Speech};
use super::programs::{Flows, Policy, VERDICT};
use super::stage::Stage;

const A: usize = 0;
const B: usize = 1;

fn open(family: Family) -> Stage {
    let mut stage = Stage::one_host();
    stage.hosts[0].put(&Flows::same_host(family, Policy::Open));
    stage
}

fn a_responder_may_answer_and_not_begin(family: Family) {
    let mut stage = open(family);
    for speech in Speech::ALL {
        let mut admitted = stage.connection(speech, family, [A, B]);
        stage.establish(&mut admitted);
        for zone in [1, 2] {
            let entry = stage.hosts[0].entry(zone, &admitted).unwrap();
            assert_eq!(entry.mark, VERDICT);
            assert!(entry.status.has_seen_reply());
        }
        let mut begun_by_b = stage.connection(speech, family, [B, A]);
        stage.drop(&mut begun_by_b, Originator, Next);
        assert!(!stage.hosts[0].knows(1, &begun_by_b) && !stage.hosts[0].knows(2, &begun_by_b));
        if speech != Speech::Echo {
            let mut other_port = stage.connection_to(speech, family, [A, B], Some(9_000));
            stage.drop(&mut other_port, Originator, Next);
        }
    }
    assert_eq!(stage.hosts[0].entries(Filter::default()).len(), 6);
}

#[test]
fn a_responder_may_answer_and_not_begin_in_ipv4() {
    a_responder_may_answer_and_not_begin(Family::V4);
}

#[test]
fn a_responder_may_answer_and_not_begin_in_ipv6() {
    a_responder_may_answer_and_not_begin(Family::V6);
}

fn icmp_errors_of_either_end_and_on_the_way_pass_and_commit_nothing(family: Family) {
    let mut stage = open(family);
    for speech in Speech::ALL {
        let mut connection = stage.connection(speech, family, [A, B]);
        stage.establish(&mut connection);
        for by in [Originator, Responder] {
            stage.pass(&mut connection, by, PortUnreachable);
            stage.pass(&mut connection, by, TooBig);
        }
        stage.pass(&mut connection, Originator, Next);
        stage.pass(&mut connection, Responder, Next);
    }
    assert_eq!(stage.hosts[0].entries(Filter::default()).len(), 6);
    // About a connection that neither zone knows.
    let mut lost = stage.connection(Speech::Udp, family, [A, B]);
    stage.establish(&mut lost);
    for zone in [1, 2] {
        stage.hosts[0].forget(zone, &lost);
    }
    for by in [Originator, Responder] {
        stage.drop(&mut lost, by, PortUnreachable);
    }
}

#[test]
fn icmp_errors_pass_and_commit_nothing_in_ipv4() {
    icmp_errors_of_either_end_and_on_the_way_pass_and_commit_nothing(Family::V4);
}

#[test]
fn icmp_errors_pass_and_commit_nothing_in_ipv6() {
    icmp_errors_of_either_end_and_on_the_way_pass_and_commit_nothing(Family::V6);
}
