//! Entries that are gone, while the policy still admits the connection.

use super::connection::End::{Originator, Responder};
use super::connection::What::{Fin, Next, PortUnreachable, Rst};
use super::connection::{Connection, Family, Speech};
use super::programs::{Flows, Policy};
use super::stage::Stage;

/// An established connection from A to B on one host, and which zones know it.
fn established(speech: Speech, family: Family) -> (Stage, Connection) {
    let mut stage = Stage::one_host();
    stage.hosts[0].put(&Flows::same_host(family, Policy::Open));
    let mut connection = stage.connection(speech, family, [0, 1]);
    stage.establish(&mut connection);
    assert_eq!(known(&mut stage, &connection), [true, true]);
    (stage, connection)
}

fn known(stage: &mut Stage, connection: &Connection) -> [bool; 2] {
    [1, 2].map(|zone| stage.hosts[0].knows(zone, connection))
}

/// An entry lost on either side and on both is made again by the next packet of the original direction, and by
/// no reply.
fn an_original_heals_and_a_reply_never(family: Family) {
    for speech in Speech::ALL {
        let (mut stage, mut connection) = established(speech, family);
        let it = &mut connection;
        // The zone of the end where a packet enters decides: B's still knows it.
        stage.hosts[0].forget(1, it);
        stage.pass(it, Responder, Next);
        stage.pass(it, Responder, PortUnreachable);
        assert_eq!(known(&mut stage, it), [false, true]);
        stage.pass(it, Originator, Next);
        assert_eq!(known(&mut stage, it), [true, true]);
        stage.pass(it, Responder, Next);

        stage.hosts[0].forget(2, it);
        stage.drop(it, Responder, Next);
        stage.drop(it, Responder, PortUnreachable);
        assert_eq!(known(&mut stage, it), [true, false]);
        stage.pass(it, Originator, Next);
        stage.pass(it, Responder, Next);
        assert_eq!(known(&mut stage, it), [true, true]);

        stage.hosts[0].forget(1, it);
        stage.hosts[0].forget(2, it);
        stage.drop(it, Responder, Next);
        stage.drop(it, Responder, Next);
        assert_eq!(known(&mut stage, it), [false, false]);
        stage.pass(it, Originator, Next);
        stage.pass(it, Responder, Next);
        stage.pass(it, Responder, PortUnreachable);
        assert_eq!(known(&mut stage, it), [true, true]);
    }
}

#[test]
fn an_original_heals_and_a_reply_never_in_ipv4() {
    an_original_heals_and_a_reply_never(Family::V4);
}

#[test]
fn an_original_heals_and_a_reply_never_in_ipv6() {
    an_original_heals_and_a_reply_never(Family::V6);
}

#[test]
fn a_fin_and_a_reset_pick_nothing_up() {
    let (mut stage, mut connection) = established(Speech::Tcp, Family::V4);
    let it = &mut connection;
    stage.hosts[0].forget(1, it);
    for what in [Fin, Rst] {
        stage.drop(it, Originator, what);
        assert_eq!(known(&mut stage, it), [false, true]);
    }
    stage.pass(it, Originator, Next);
    assert_eq!(known(&mut stage, it), [true, true]);
    // One that A's zone knows passes B's, which has lost it, and is no entry there: it was judged.
    stage.hosts[0].forget(2, it);
    stage.pass(it, Originator, Fin);
    assert_eq!(known(&mut stage, it), [true, false]);
}
