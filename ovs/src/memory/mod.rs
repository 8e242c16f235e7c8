//! A datapath in this process's memory, for tests of what is above the trait.
//!
//! It takes the same flows as the kernel and refuses the same, and it executes their actions on frames:
//!
//! ```text
//!  inject ─▶ key ─▶ masked look-up ─┬─ hit ──▶ actions ─▶ sent(port), upcall, conntrack
//!                        ▲          └─ none ─▶ upcall of the port ─▶ (agent) ─▶ apply
//!                        └──────────── recirculation ◀──┘
//! ```
//!
//! Where it is less than the kernel it says so: a flow with an action that it does not do is refused with
//! [`Error::Unsupported`](crate::Error::Unsupported) when it is put. Other differences:
//! * Every network device exists. A port's MTU is endless, and nothing is reassembled or fragmented.
//! * Connections never end by themselves, and TCP's state is not followed: a packet that could begin a
//!   connection does, and one of a connection that is there belongs to it, whatever its sequence number. Fragments are
//!   invalid to it, and the address in an ICMP error is not translated.
//! * A batch is split by its number of operations, not by their bytes.
//!
//! One lock guards all of it: what is injected runs to its end before anything else is done.

mod bell;
mod check;
mod checksum;
mod conntrack;
mod ct;
mod datapath;
mod entries;
mod forward;
mod keep;
mod meter;
mod monitor;
mod ports;
mod related;
mod rewrite;
mod state;
mod stranger;
mod table;
mod tuple;
mod upcall;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use weft_flow::{Field, FlowKey};

use crate::counters::Counters;
use state::State;

pub use forward::Sent;

/// A frame that no datapath would have got.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotInjected {
    /// The port, or the datapath, is not there.
    #[error("a frame for port {0}, which is not there")]
    NoPort(u32),
    /// It is shorter than an Ethernet header.
    #[error("{0} bytes are no Ethernet frame")]
    TooShort(usize),
}

/// The time since some moment in the past.
pub type Clock = Box<dyn Fn() -> Duration + Send>;

/// A handle on a datapath in memory. Clones of it are the same datapath; they count writes as one handle,
/// [forks](crate::Datapath::fork) apart.
#[derive(Clone)]
pub struct MemoryDatapath {
    state: Arc<Mutex<State>>,
    counters: Arc<Counters>,
}

impl MemoryDatapath {
    /// A datapath with no port but its own device.
    pub fn new(name: &str) -> Self {
        let began = Instant::now();
        Self::with_clock(name, Box::new(move || began.elapsed()))
    }

    /// The same with a clock of the caller's, which must not go back.
    pub fn with_clock(name: &str, clock: Clock) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::new(name, clock))),
            counters: Arc::new(Counters::new()),
        }
    }

    /// A frame comes in by a port, and is done with when this returns.
    pub fn inject(&self, port_no: u32, frame: &[u8]) -> Result<(), NotInjected> {
        self.lock().inject(port_no, frame, FlowKey::new())
    }

    /// A frame comes out of a tunnel; `tunnel` has the fields of its outer header.
    pub fn inject_tunnelled(
        &self,
        port_no: u32,
        frame: &[u8],
        tunnel: &FlowKey,
    ) -> Result<(), NotInjected> {
        let mut metadata = tunnel.clone();
        for (field, _) in tunnel.fields() {
            if !(Field::TunId..=Field::TunTpDst).contains(&field) {
                metadata.clear(field);
            }
        }
        self.lock().inject(port_no, frame, metadata)
    }

    /// Takes the frames that left by a port since this was last asked, the oldest first.
    pub fn sent(&self, port_no: u32) -> Vec<Vec<u8>> {
        let sent = self.sent_with_tunnels(port_no);
        sent.into_iter().map(|sent| sent.frame).collect()
    }

    /// The same with the tunnel headers that were set for them.
    pub fn sent_with_tunnels(&self, port_no: u32) -> Vec<Sent> {
        let mut state = self.lock();
        let port = state.ports.get_mut(port_no);
        port.map(|port| std::mem::take(&mut port.sent))
            .unwrap_or_default()
    }

    /// Upcalls that wait in sockets.
    pub fn waiting(&self) -> usize {
        let state = self.lock();
        state.sockets.values().map(|socket| socket.len()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryDatapath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDatapath").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
