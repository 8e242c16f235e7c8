//! Echo requests 2 ms apart and their replies, each in a thread: programs of their own would take the guest's
//! processors from what is tested.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use weft_tests::peer::Peer;
use weft_topology::MacAddr;

const PACE: Duration = Duration::from_millis(2);
/// A reply that is not there so long after the last request is lost.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where the ICMP header and its checksum begin, and the number in the payload.
const ICMP: usize = 34;
const CHECKSUM: usize = 36;
const NUMBER: usize = 42;

/// What came of the pings.
pub(crate) struct Pings {
    pub(crate) sent: u32,
    pub(crate) missing: Vec<u32>,
}

/// Sends until it is told to stop.
pub(crate) fn send(peer: &mut Peer, to: MacAddr, stop: &AtomicBool) -> Pings {
    let (from, to) = (peer.mac.octets(), to.octets());
    let builder = etherparse::PacketBuilder::ethernet2(from, to)
        .ipv4([10, 0, 0, from[5]], [10, 0, 0, to[5]], 64)
        .icmpv4_echo_request(1, 1);
    let mut frame = Vec::new();
    builder.write(&mut frame, &[0; 4]).unwrap();
    let (begin, mut sent, mut waiting) = (Instant::now(), 0, BTreeSet::new());
    while !stop.load(Ordering::Relaxed) {
        frame[NUMBER..NUMBER + 4].copy_from_slice(&u32::to_be_bytes(sent));
        peer.send_raw(&frame).unwrap();
        waiting.insert(sent);
        sent += 1;
        let due = begin + PACE * sent;
        while let Some(reply) = number(peer, due.saturating_duration_since(Instant::now()), 0) {
            assert!(waiting.remove(&reply), "reply {reply} came twice");
        }
    }
    while !waiting.is_empty() {
        match number(peer, PATIENCE, 0) {
            Some(reply) => assert!(waiting.remove(&reply), "reply {reply} came twice"),
            None => break,
        }
    }
    let missing = waiting.into_iter().collect();
    Pings { sent, missing }
}

/// Answers until it is told to stop and no more come.
pub(crate) fn answer(peer: &mut Peer, stop: &AtomicBool) {
    loop {
        match peer.receive_where(PATIENCE, |frame| is_echo(frame, 8)) {
            Some(mut frame) => {
                let (to, rest) = frame.split_at_mut(6);
                to.swap_with_slice(&mut rest[..6]);
                let (source, rest) = frame[26..].split_at_mut(4);
                source.swap_with_slice(&mut rest[..4]);
                frame[ICMP] = 0;
                let sum = u16::from_be_bytes([frame[CHECKSUM], frame[CHECKSUM + 1]]);
                // RFC 1624: what leaves the sum comes back to its complement.
                let (sum, carry) = sum.overflowing_add(0x0800);
                let sum = sum + u16::from(carry);
                frame[CHECKSUM..CHECKSUM + 2].copy_from_slice(&sum.to_be_bytes());
                peer.send_raw(&frame).unwrap();
            }
            None if stop.load(Ordering::Relaxed) => return,
            None => {}
        }
    }
}

fn number(peer: &mut Peer, limit: Duration, kind: u8) -> Option<u32> {
    let frame = peer.receive_where(limit, |frame| is_echo(frame, kind))?;
    Some(u32::from_be_bytes(
        frame[NUMBER..NUMBER + 4].try_into().unwrap(),
    ))
}

fn is_echo(frame: &[u8], kind: u8) -> bool {
    frame.len() >= NUMBER + 4 && frame[12..14] == [8, 0] && frame[23] == 1 && frame[ICMP] == kind
}
