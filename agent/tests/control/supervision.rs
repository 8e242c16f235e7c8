//! Under a service manager: it hears that the agent works only while every part of it does.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::LIMIT;
use crate::machine::Host;

/// Five checks in this.
const WATCHDOG: Duration = Duration::from_millis(50);
/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:9";

/// The next word that is like this; how many came before it.
fn next(heard: &Receiver<String>, like: &str) -> usize {
    let mut before = 0;
    while !heard.recv_timeout(LIMIT).expect(like).contains(like) {
        before += 1;
    }
    before
}

#[test]
fn ready_comes_first_and_then_signs_of_life() {
    let host = Host::new(NOBODY);
    let (told, heard) = channel();
    let _supervision = host.supervise(WATCHDOG, told);
    assert_eq!(heard.recv_timeout(LIMIT).unwrap(), "READY=1");
    for _ in 0..3 {
        let word = heard.recv_timeout(LIMIT).unwrap();
        assert!(
            word.starts_with("WATCHDOG=1 STATUS=0 ports active; no topology service"),
            "{word}"
        );
    }
}

#[test]
fn there_is_no_sign_of_life_while_a_worker_hangs_and_there_is_again_when_it_goes_on() {
    let host = Host::new(NOBODY);
    let (told, heard) = channel();
    let _supervision = host.supervise(WATCHDOG, told);
    next(&heard, "WATCHDOG=1");
    host.told.is_slow.store(true, Ordering::Relaxed);
    next(&heard, "STATUS=pulse: the workers do not answer");
    for _ in 0..3 {
        let word = heard.recv_timeout(LIMIT).unwrap();
        assert_eq!(word, "STATUS=pulse: the workers do not answer");
    }
    host.told.is_slow.store(false, Ordering::Relaxed);
    next(&heard, "WATCHDOG=1");
}

#[test]
fn there_is_no_sign_of_life_after_the_control_side_has_ended() {
    let host = Host::new(NOBODY);
    let (told, heard) = channel();
    let _supervision = host.supervise(WATCHDOG, told);
    next(&heard, "WATCHDOG=1");
    host.end_core();
    next(&heard, "STATUS=the control side has ended");
    assert_eq!(next(&heard, "STATUS=the control side has ended"), 0);
}

#[test]
fn a_dropped_supervision_says_no_more() {
    let host = Host::new(NOBODY);
    let (told, heard) = channel();
    let supervision = host.supervise(WATCHDOG, told);
    next(&heard, "WATCHDOG=1");
    drop(supervision);
    // The sender goes with the thread.
    while heard.recv_timeout(LIMIT).is_ok() {}
    assert_eq!(
        heard.recv_timeout(LIMIT),
        Err(std::sync::mpsc::RecvTimeoutError::Disconnected)
    );
}
