//! Requests to the kernel and their answers, on a socket of their own.
//!
//! The kernel works a request off while it is being sent, so its answer waits when the send returns:
//! nothing here blocks. Upcalls and events come by other sockets.
//!
//! Race: the answers outgrow the socket's buffer. The kernel drops those that do not fit, says so once, and drops
//! all others until the queue is empty, those to later requests, too. So what is left is read to its end before a
//! request is called lost, and the next one is heard again.

use std::marker::PhantomData;

use nix::errno::Errno;
use weft_flow::attr::{AttrError, Attrs, TooLong};

use super::message::{self, Body, Header, Message, MessageError, Messages, flag};
use super::prefix::{Ovs, Prefix};
use super::socket::{Received, Socket};

/// A socket for requests of one protocol, and its buffers.
#[derive(Debug)]
pub(crate) struct Requests<P = Ovs> {
    socket: Socket,
    out: Vec<u8>,
    buffer: Box<[u8]>,
    seq: u32,
    protocol: PhantomData<P>,
}

/// Why a request brought nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The kernel refused.
    Kernel(Errno, Option<String>),
    /// A system call failed.
    Socket(Errno),
    /// No answer came.
    Lost,
    /// The answer is not what the headers say.
    Malformed(String),
    /// The request does not fit a message.
    TooLong(TooLong),
    /// The kernel kept calling the dump interrupted, or dropping its answers.
    Interrupted,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer<'a, P = Ovs> {
    /// The protocol's own header.
    pub(crate) prefix: P,
    /// What it says.
    pub(crate) attrs: Attrs<'a>,
}

/// Room for answers in bytes: the kernel packs up to 32 KiB of a dump into one.
const BUFFER: usize = 64 << 10;
/// Receive buffer of the socket in bytes: the answers of a batch wait there.
const RECEIVE_BUFFER: usize = 4 << 20;
/// How often a dump is begun.
const DUMP_ATTEMPTS: u32 = 16;

impl<P: Prefix> Requests<P> {
    pub(crate) fn open() -> Result<Self, Errno> {
        Ok(Self {
            socket: Socket::open(P::PROTOCOL, RECEIVE_BUFFER)?,
            out: Vec::new(),
            buffer: vec![0; BUFFER].into_boxed_slice(),
            seq: 0,
            protocol: PhantomData,
        })
    }

    /// One request; the answers of its family go to `read`. Returns when the kernel has acknowledged.
    pub(crate) fn ask(
        &mut self,
        header: Header<P>,
        fill: impl FnOnce(&mut Vec<u8>) -> Result<(), TooLong>,
        mut read: impl FnMut(Answer<'_, P>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let flags = header.flags | flag::ACK;
        let seq = self.send_one(Header { flags, ..header }, fill)?;
        let mut outcome = Ok(());
        let (acknowledged, _) = self.answers(seq, |message| match message.body {
            Body::Done => Some(Ok(())),
            Body::Failed { errno, text } => Some(Err(Failure::Kernel(errno, text))),
            Body::Answer { prefix, attrs, .. } => {
                if outcome.is_ok() {
                    outcome = read(Answer { prefix, attrs });
                }
                None
            }
        })?;
        acknowledged?;
        outcome
    }

    /// Asks for all objects. `read` gets each as an answer; before that, and each time the kernel calls
    /// the dump interrupted, `restart` is called.
    pub(crate) fn dump<T>(
        &mut self,
        header: Header<P>,
        fill: impl Fn(&mut Vec<u8>) -> Result<(), TooLong>,
        state: &mut T,
        restart: impl Fn(&mut T),
        mut read: impl FnMut(&mut T, Answer<'_, P>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for _ in 0..DUMP_ATTEMPTS {
            restart(state);
            let flags = header.flags | flag::DUMP;
            let seq = self.send_one(Header { flags, ..header }, &fill)?;
            let (mut outcome, mut interrupted) = (Ok(()), false);
            // Read to the end also after an error: the kernel refuses a second dump on the socket.
            let ended = self.answers(seq, |message| {
                interrupted |= message.flags & flag::DUMP_INTERRUPTED != 0;
                match message.body {
                    Body::Done => Some(Ok(())),
                    Body::Failed { errno, text } => Some(Err(Failure::Kernel(errno, text))),
                    Body::Answer { prefix, attrs, .. } => {
                        if outcome.is_ok() {
                            outcome = read(state, Answer { prefix, attrs });
                        }
                        None
                    }
                }
            });
            match ended {
                Ok((ended, lost)) => {
                    ended?;
                    outcome?;
                    if !interrupted && !lost {
                        return Ok(());
                    }
                }
                Err(Failure::Lost) => {}
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::Interrupted)
    }

    /// Begins a batch and says the number of its first message.
    pub(crate) fn begin_batch(&mut self) -> (u32, &mut Vec<u8>) {
        self.out.clear();
        (self.seq.wrapping_add(1), &mut self.out)
    }

    /// Sends a batch of `count` messages, numbered from what [`Requests::begin_batch`] said, and gives what
    /// the kernel says of each, by its place. A message of which nothing is said succeeded, unless an answer
    /// had been asked for or the error says that answers were lost.
    pub(crate) fn send_batch(
        &mut self,
        count: u32,
        mut said: impl FnMut(u32, Body<'_, P>),
    ) -> Result<(), Failure> {
        let first = self.seq.wrapping_add(1);
        self.seq = self.seq.wrapping_add(count);
        self.socket.send(&self.out).map_err(Failure::Socket)?;
        let mut lost = false;
        loop {
            let length = match self.socket.receive(&mut self.buffer) {
                Ok(Received::Bytes(length)) => length,
                Ok(Received::Nothing) if lost => return Err(Failure::Lost),
                Ok(Received::Nothing) => return Ok(()),
                Ok(Received::Truncated) | Err(Errno::ENOBUFS) => {
                    lost = true;
                    continue;
                }
                Err(errno) => return Err(Failure::Socket(errno)),
            };
            let bytes = self.buffer.get(..length).unwrap_or_default();
            for message in Messages::new(bytes) {
                let message = message?;
                let place = message.seq.wrapping_sub(first);
                if place < count {
                    said(place, message.body);
                }
            }
        }
    }

    fn send_one(
        &mut self,
        header: Header<P>,
        fill: impl FnOnce(&mut Vec<u8>) -> Result<(), TooLong>,
    ) -> Result<u32, Failure> {
        self.seq = self.seq.wrapping_add(1);
        let seq = self.seq;
        self.out.clear();
        let open = message::open(&mut self.out, &Header { seq, ..header });
        fill(&mut self.out).map_err(Failure::TooLong)?;
        message::close(&mut self.out, open);
        self.socket.send(&self.out).map_err(Failure::Socket)?;
        Ok(seq)
    }

    /// Receives the answers to request `seq` until `end` says that one was the last. Answers to earlier
    /// requests, which were given up, are passed over. Also says whether any were dropped.
    fn answers<T>(
        &mut self,
        seq: u32,
        mut end: impl FnMut(Message<'_, P>) -> Option<T>,
    ) -> Result<(T, bool), Failure> {
        let mut lost = false;
        loop {
            let length = match self.socket.receive(&mut self.buffer) {
                Ok(Received::Bytes(length)) => length,
                Ok(Received::Truncated) | Err(Errno::ENOBUFS) => {
                    lost = true;
                    continue;
                }
                Ok(Received::Nothing) => return Err(Failure::Lost),
                Err(errno) => return Err(Failure::Socket(errno)),
            };
            let bytes = self.buffer.get(..length).unwrap_or_default();
            for message in Messages::new(bytes) {
                let message = message?;
                if message.seq != seq {
                    continue;
                }
                if let Some(value) = end(message) {
                    return Ok((value, lost));
                }
            }
        }
    }
}

impl From<MessageError> for Failure {
    fn from(error: MessageError) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<AttrError> for Failure {
    fn from(error: AttrError) -> Self {
        Self::Malformed(error.to_string())
    }
}
