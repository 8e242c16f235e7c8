//! The control side without privileges: a datapath in memory, a hot path that only notes what it is told,
//! the real control socket, and a service that is the real one or a hostile one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod away;
mod cloud;
mod hot;
mod machine;
mod moves;
mod plugs;
mod protocol;
mod requests;
mod restart;
mod restore;
mod scripted;
mod service;
mod supervision;
mod watches;

use std::time::{Duration, Instant};

/// How long something that must happen may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Waits for what must happen.
#[track_caller]
fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !happened() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
