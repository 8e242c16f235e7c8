//! Upcall sockets in memory: a bounded queue each.
//!
//! The bound is the kernel's (`netlink_attachskb`): a packet is taken while no more bytes wait than the
//! buffer has. One that is not taken makes the socket congested, which the reader is told once, and nothing
//! more is taken until the queue has been emptied.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use weft_flow::codec::decode_key;

use super::bell::Bell;
use super::state::State;
use crate::error::{Attempt, Error, What};
use crate::upcall::{Upcall, UpcallBuffer, UpcallKind, UpcallSource};

/// A packet that waits to be received.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) kind: UpcallKind,
    pub(super) key_attrs: Vec<u8>,
    pub(super) packet: Vec<u8>,
    pub(super) userdata: Vec<u8>,
    pub(super) mru: Option<u16>,
    pub(super) hash: Option<u64>,
    pub(super) original_len: Option<u32>,
}

/// A socket's end in the datapath.
#[derive(Debug)]
pub(super) struct Socket {
    queue: Mutex<Queue>,
    limit: usize,
    bell: Bell,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    congested: bool,
    /// Congestions that the reader has not been told yet: at most one.
    untold: bool,
}

/// A socket's end in the program. The datapath forgets the socket when it is dropped.
pub(super) struct MemoryUpcalls {
    pid: u32,
    socket: Arc<Socket>,
    datapath: Weak<Mutex<State>>,
    name: String,
    overflows: u64,
}

/// What a packet costs of the buffer beside its bytes, as the kernel's own headers do.
const OVERHEAD: usize = 512;

/// Numbers are never used twice in a process: a stale one reaches no other socket.
static LAST_PID: AtomicU32 = AtomicU32::new(1_000);

impl Waiting {
    fn cost(&self) -> usize {
        OVERHEAD + self.key_attrs.len() + self.packet.len() + self.userdata.len()
    }
}

impl Socket {
    fn new(limit: usize) -> nix::Result<Self> {
        Ok(Self {
            queue: Mutex::default(),
            limit,
            bell: Bell::new()?,
        })
    }

    /// Queues a packet, or says that there is no room.
    pub(super) fn push(&self, packet: Waiting) -> bool {
        let mut queue = self.lock();
        if queue.congested || queue.bytes > self.limit {
            if !queue.congested {
                queue.congested = true;
                queue.untold = true;
                self.bell.ring();
            }
            return false;
        }
        queue.bytes += packet.cost();
        queue.waiting.push_back(packet);
        self.bell.ring();
        true
    }

    /// How many packets wait.
    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// The next packet, and whether an overflow is to be told.
    fn pop(&self) -> (Option<Waiting>, bool) {
        let mut queue = self.lock();
        let untold = std::mem::take(&mut queue.untold);
        let packet = queue.waiting.pop_front();
        if let Some(packet) = &packet {
            queue.bytes = queue.bytes.saturating_sub(packet.cost());
        }
        if queue.waiting.is_empty() {
            queue.congested = false;
            self.bell.hush();
        }
        (packet, untold)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryUpcalls {
    pub(super) fn open(datapath: &Arc<Mutex<State>>, limit: usize) -> Result<Self, Error> {
        let mut state = datapath.lock().unwrap_or_else(PoisonError::into_inner);
        let socket = Socket::new(limit).map_err(|errno| Error::Socket {
            attempt: Box::new(state.attempt(What::OpenSocket)),
            errno,
        })?;
        let socket = Arc::new(socket);
        let pid = LAST_PID.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        state.sockets.insert(pid, socket.clone());
        Ok(Self {
            pid,
            socket,
            datapath: Arc::downgrade(datapath),
            name: state.name.clone(),
            overflows: 0,
        })
    }

    fn malformed(&self, reason: String) -> Error {
        Error::Malformed {
            attempt: Box::new(Attempt {
                datapath: self.name.clone(),
                what: What::Upcall,
            }),
            reason,
        }
    }
}

impl UpcallSource for MemoryUpcalls {
    fn pid(&self) -> u32 {
        self.pid
    }

    fn receive<'a>(&mut self, buffer: &'a mut UpcallBuffer) -> Result<Option<Upcall<'a>>, Error> {
        let (packet, overflowed) = self.socket.pop();
        self.overflows += u64::from(overflowed);
        let Some(packet) = packet else {
            return Ok(None);
        };
        let mut rest = &mut *buffer.0;
        let mut parts: [&[u8]; 3] = [&[]; 3];
        let bytes = [&packet.key_attrs, &packet.packet, &packet.userdata];
        for (part, bytes) in parts.iter_mut().zip(bytes) {
            let Some((room, left)) = rest.split_at_mut_checked(bytes.len()) else {
                return Err(self.malformed("longer than an upcall can be".to_owned()));
            };
            room.copy_from_slice(bytes);
            (*part, rest) = (room, left);
        }
        let [key_attrs, frame, userdata] = parts;
        let key = decode_key(key_attrs).map_err(|error| self.malformed(error.to_string()))?;
        Ok(Some(Upcall {
            kind: packet.kind,
            key,
            key_attrs,
            packet: frame,
            userdata,
            mru: packet.mru,
            hash: packet.hash,
            original_len: packet.original_len,
        }))
    }

    fn overflows(&self) -> u64 {
        self.overflows
    }
}

impl AsFd for MemoryUpcalls {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.bell.as_fd()
    }
}

impl Drop for MemoryUpcalls {
    fn drop(&mut self) {
        if let Some(datapath) = self.datapath.upgrade() {
            let mut state = datapath.lock().unwrap_or_else(PoisonError::into_inner);
            state.sockets.remove(&self.pid);
        }
    }
}
