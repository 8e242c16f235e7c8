//! A rule is taken away while connections go on that it had admitted.

use weft_ovs::conntrack::{Bits, Filter, Outcome};

use super::connection::End::{Originator, Responder};
use super::connection::What::{Next, PortUnreachable};
use super::connection::{Connection, Family, Speech};
use super::programs::{CUT, Flows, Policy, VERDICT, commit_and_output};
use super::stage::Stage;

const JUDGED: &str = "recirc_id(1),in_port(1)";
/// The mark of what B begins.
const ITS_OWN: u32 = 0x22;

/// A to B as the policy says; B may begin whatever it likes towards A. `known` adds what passes as known.
fn open_egress(family: Family, known: impl Fn(&mut Flows, &str, Family, &str)) -> Flows {
    let mut flows = Flows::default();
    flows.enter(family, (1, 1), (1, 1), "2");
    flows.policy(JUDGED, family, &commit_and_output(), Policy::Open);
    known(&mut flows, JUDGED, family, "ct(zone=2),2");
    flows.enter(family, (2, 0), (2, 2), "1");
    let any = family.ip("");
    flows.add(
        format!("recirc_id(2),in_port(2),ct_state(+trk-inv-rpl-rel),{any}"),
        format!("ct(commit,zone=2,mark={ITS_OWN:#x}),ct(commit,zone=1,mark={ITS_OWN:#x}),1"),
    );
    known(
        &mut flows,
        "recirc_id(2),in_port(2)",
        family,
        "ct(zone=1),1",
    );
    flows
}

/// What A may begin from now on.
fn judge(stage: &mut Stage, family: Family, policy: Policy) {
    let mut flows = Flows::default();
    flows.policy(JUDGED, family, &commit_and_output(), policy);
    stage.hosts[0].change(&flows);
}

/// Sets the bit in all entries with the verdict's mark, as an agent does: it lists them, and marks each.
fn cut(stage: &mut Stage) -> usize {
    let host = &mut stage.hosts[0];
    let lost = host.entries(Filter {
        mark: Some(Bits::all(VERDICT)),
        zone: None,
    });
    let bit = Bits {
        value: CUT,
        mask: CUT,
    };
    for entry in &lost {
        let outcome = host.conntrack.set_mark(entry.zone, &entry.original, bit);
        assert_eq!(outcome.unwrap(), Outcome::Done);
    }
    lost.len()
}

fn established(stage: &mut Stage, speech: Speech, family: Family) -> Connection {
    let mut connection = stage.connection(speech, family, [0, 1]);
    stage.establish(&mut connection);
    connection
}

fn a_cut_connection_stays_cut_until_it_is_allowed_again(family: Family) {
    let mut stage = Stage::one_host();
    stage.hosts[0].put(&open_egress(family, Flows::known_unless_cut));
    let mut connections = Speech::ALL.map(|speech| established(&mut stage, speech, family));
    judge(&mut stage, family, Policy::Shut);
    assert_eq!(cut(&mut stage), 6);
    for it in &mut connections {
        stage.drop(it, Originator, Next);
        // Its zone knows the answer for one, so it is judged by no rule, though B may begin anything.
        stage.drop(it, Responder, Next);
        stage.drop(it, Originator, Next);
        stage.drop(it, Responder, Next);
        stage.drop(it, Responder, PortUnreachable);
        for zone in [1, 2] {
            let entry = stage.hosts[0].entry(zone, it).unwrap();
            assert_eq!(entry.mark, CUT | VERDICT);
        }
    }
    assert_eq!(stage.hosts[0].entries(Filter::default()).len(), 6);
    judge(&mut stage, family, Policy::Open);
    for it in &mut connections {
        stage.drop(it, Responder, Next);
        stage.pass(it, Originator, Next);
        for zone in [1, 2] {
            let entry = stage.hosts[0].entry(zone, it).unwrap();
            assert_eq!(entry.mark, VERDICT, "the whole mark is written");
        }
        stage.pass(it, Responder, Next);
        stage.pass(it, Responder, PortUnreachable);
    }
}

#[test]
fn a_cut_connection_stays_cut_until_it_is_allowed_again_in_ipv4() {
    a_cut_connection_stays_cut_until_it_is_allowed_again(Family::V4);
}

#[test]
fn a_cut_connection_stays_cut_until_it_is_allowed_again_in_ipv6() {
    a_cut_connection_stays_cut_until_it_is_allowed_again(Family::V6);
}

/// Why connections are not deleted to cut them.
#[test]
fn a_deleted_connection_comes_back_as_the_responders_own() {
    let family = Family::V4;
    for speech in [Speech::Udp, Speech::Tcp] {
        let mut stage = Stage::one_host();
        stage.hosts[0].put(&open_egress(family, Flows::known_unless_cut));
        let mut connection = established(&mut stage, speech, family);
        let it = &mut connection;
        judge(&mut stage, family, Policy::Shut);
        for zone in [1, 2] {
            stage.hosts[0].forget(zone, it);
        }
        stage.drop(it, Originator, Next);
        stage.pass(it, Responder, Next);
        // And so A's packets are answers now.
        stage.pass(it, Originator, Next);
        for zone in [1, 2] {
            let turned = it.tuple().inverse().unwrap();
            let entry = stage.hosts[0].conntrack.entry(zone, &turned).unwrap();
            assert_eq!(entry.unwrap().mark, ITS_OWN);
        }
    }
}

/// Where the responder may begin nothing, the new flows and the deletion of the entries are enough.
#[test]
fn against_a_shut_responder_a_deleted_connection_stays_away() {
    for family in [Family::V4, Family::V6] {
        let mut stage = Stage::one_host();
        stage.hosts[0].put(&Flows::same_host(family, Policy::Open));
        let mut connections = Speech::ALL.map(|speech| established(&mut stage, speech, family));
        judge(&mut stage, family, Policy::Shut);
        for it in &mut connections {
            for zone in [1, 2] {
                stage.hosts[0].forget(zone, it);
            }
            stage.drop(it, Responder, Next);
            stage.drop(it, Responder, PortUnreachable);
            stage.drop(it, Originator, Next);
            stage.drop(it, Responder, Next);
        }
        assert_eq!(stage.hosts[0].entries(Filter::default()), []);
        judge(&mut stage, family, Policy::Open);
        for it in &mut connections {
            stage.drop(it, Responder, Next);
            stage.pass(it, Originator, Next);
            stage.pass(it, Responder, Next);
        }
    }
}
