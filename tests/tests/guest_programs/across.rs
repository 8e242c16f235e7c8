//! Two hosts: what the tunnel key says of what the sender knows.

use weft_ovs::conntrack::Filter;

use super::connection::End::{Originator, Responder};
use super::connection::What::{Fin, Next, PortUnreachable, TooBig};
use super::connection::{Connection, Family, Speech};
use super::programs::{Flows, Policy, Said, VERDICT, from, to};
use super::stage::Stage;

const A: usize = 0;
/// The second machine of two hosts.
const C: usize = 1;

/// A has zone 1 on port 1 of the first host, C zone 3 on port 3 of the second.
pub(crate) fn two_zones(family: Family, c_may_begin: Policy) -> Stage {
    let mut stage = Stage::two_hosts();
    let mut first = Flows::default();
    first.sender(family, (1, 1, 1), (2, 3, 1), Policy::Open);
    first.receiver(family, (1, 1, 101), [1, 0]);
    let mut second = Flows::default();
    second.sender(family, (3, 3, 3), (0, 1, 0), c_may_begin);
    second.receiver(family, (3, 3, 103), [0, 1]);
    stage.hosts[0].put(&first);
    stage.hosts[1].put(&second);
    stage
}

pub(crate) fn known(stage: &mut Stage, connection: &Connection) -> [bool; 2] {
    [(0, 1), (1, 3)].map(|(host, zone)| stage.hosts[host].knows(zone, connection))
}

fn forget(stage: &mut Stage, connection: &Connection, hosts: &[usize]) {
    for host in hosts {
        stage.hosts[*host].forget([1, 3][*host], connection);
    }
}

/// An original is committed on either side (state 1); a reply passes only where both sides know it (state 2).
fn a_reply_must_be_known_on_both_sides(family: Family) {
    let mut stage = two_zones(family, Policy::Shut);
    for speech in Speech::ALL {
        let mut connection = stage.connection(speech, family, [A, C]);
        let it = &mut connection;
        stage.establish(it);
        stage.pass(it, Responder, PortUnreachable);
        stage.pass(it, Responder, TooBig);
        stage.pass(it, Originator, PortUnreachable);
        assert_eq!(known(&mut stage, it), [true, true]);
        for lost in [&[0][..], &[1], &[0, 1]] {
            forget(&mut stage, it, lost);
            stage.drop(it, Responder, Next);
            stage.drop(it, Responder, PortUnreachable);
            stage.drop(it, Responder, Next);
            let left = [0, 1].map(|host| !lost.contains(&host));
            assert_eq!(known(&mut stage, it), left, "a reply committed");
            stage.pass(it, Originator, Next);
            assert_eq!(known(&mut stage, it), [true, true]);
            stage.pass(it, Responder, Next);
        }
        let mut begun_by_c = stage.connection(speech, family, [C, A]);
        stage.drop(&mut begun_by_c, Originator, Next);
    }
    for (host, zone) in [(0, 1), (1, 3)] {
        let entries = stage.hosts[host].entries(Filter::default());
        assert_eq!(entries.len(), 3, "{entries:?}");
        assert!(
            entries
                .iter()
                .all(|it| it.zone == zone && it.mark == VERDICT)
        );
    }
}

#[test]
fn a_reply_must_be_known_on_both_sides_in_ipv4() {
    a_reply_must_be_known_on_both_sides(Family::V4);
}

#[test]
fn a_reply_must_be_known_on_both_sides_in_ipv6() {
    a_reply_must_be_known_on_both_sides(Family::V6);
}

#[test]
fn an_original_passes_as_judged_also_where_the_receivers_zone_calls_it_invalid() {
    let mut stage = two_zones(Family::V4, Policy::Shut);
    let mut connection = stage.connection(Speech::Tcp, Family::V4, [A, C]);
    let it = &mut connection;
    stage.establish(it);
    forget(&mut stage, it, &[1]);
    stage.pass(it, Originator, Fin);
    assert_eq!(known(&mut stage, it), [true, false]);
    stage.drop(it, Responder, Next);
}

#[test]
fn an_original_takes_one_pass_on_the_receiving_host_and_a_reply_two() {
    let mut stage = two_zones(Family::V4, Policy::Shut);
    let mut connection = stage.connection(Speech::Udp, Family::V4, [A, C]);
    let it = &mut connection;
    stage.establish(it);
    for (by, passes) in [(Originator, [2, 1]), (Responder, [2, 2])] {
        let hits = |stage: &mut Stage| {
            [0, 1].map(|host| {
                use weft_ovs::Datapath;
                stage.hosts[host].datapath.info().unwrap().hits
            })
        };
        let before = hits(&mut stage);
        stage.pass(it, by, Next);
        let after = hits(&mut stage);
        // Less the marker's own.
        let taken = [0, 1].map(|host| after[host] - before[host] - 1);
        assert_eq!(taken, passes, "{by:?}");
    }
}

/// State 3: C's port has no zone, as an uplink has none. What comes from there is judged where A is; what goes
/// there is in state 0.
fn what_comes_from_a_port_without_a_zone_is_judged_on_arrival(family: Family) {
    let mut stage = Stage::two_hosts();
    let mut first = Flows::default();
    let plain = to(Said::Nothing, 3, 1);
    first.enter(family, (1, 2), (1, 1), &plain);
    let commit = format!("ct(commit,zone=1,mark={VERDICT:#x}),");
    let sent = "recirc_id(1),in_port(1)";
    first.policy(sent, family, &format!("{commit}{plain}"), Policy::Open);
    first.known(sent, family, &plain);
    let arrives = from(Said::Unknown, 1, [1, 0]);
    first.add(
        format!("recirc_id(0),{arrives},{}", family.ip("")),
        "ct(zone=1),recirc(31)",
    );
    let arrived = "recirc_id(31),in_port(10)";
    first.policy(arrived, family, &format!("{commit}1"), Policy::Open);
    first.known(arrived, family, "1");
    stage.hosts[0].put(&first);
    let mut second = Flows::default();
    let out = to(Said::Unknown, 1, 0);
    let ip = family.ip("");
    second.add(format!("recirc_id(0),in_port(3),{ip}"), &*out);
    let from_a = from(Said::Nothing, 3, [0, 1]);
    second.add(format!("recirc_id(0),{from_a},{ip}"), "3");
    stage.hosts[1].put(&second);
    for speech in Speech::ALL {
        for ends in [[A, C], [C, A]] {
            let mut connection = stage.connection(speech, family, ends);
            let it = &mut connection;
            stage.establish(it);
            stage.pass(it, Responder, PortUnreachable);
            stage.pass(it, Originator, TooBig);
            assert!(stage.hosts[0].knows(1, it));
            stage.hosts[0].forget(1, it);
            stage.drop(it, Responder, Next);
            stage.drop(it, Responder, PortUnreachable);
            assert!(!stage.hosts[0].knows(1, it));
            stage.pass(it, Originator, Next);
            stage.pass(it, Responder, Next);
            if speech != Speech::Echo {
                let mut denied = stage.connection_to(speech, family, ends, Some(9_000));
                stage.drop(&mut denied, Originator, Next);
            }
        }
    }
    assert_eq!(stage.hosts[1].entries(Filter::default()), []);
}

#[test]
fn what_comes_from_a_port_without_a_zone_is_judged_on_arrival_in_ipv4() {
    what_comes_from_a_port_without_a_zone_is_judged_on_arrival(Family::V4);
}

#[test]
fn what_comes_from_a_port_without_a_zone_is_judged_on_arrival_in_ipv6() {
    what_comes_from_a_port_without_a_zone_is_judged_on_arrival(Family::V6);
}
