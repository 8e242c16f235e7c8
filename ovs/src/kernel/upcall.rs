//! A socket that receives upcalls from the kernel.
//!
//! Race: the kernel drops an upcall when the socket's buffer is full, and says so once, at the next
//! receive. That is counted ([`KernelUpcalls::overflows`]) and the reading goes on; the option that hides
//! it is never set.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::errno::Errno;

use super::Identity;
use super::packet::decode_upcall;
use crate::error::{Error, What};
use crate::nl::message::{Body, Messages};
use crate::nl::prefix::{Ovs, Prefix};
use crate::nl::requests::Failure;
use crate::nl::socket::{Received, Socket};
use crate::upcall::{Upcall, UpcallBuffer, UpcallSource};

/// One port's (or one worker's) upcalls from the kernel.
#[derive(Debug)]
pub struct KernelUpcalls {
    socket: Socket,
    identity: Arc<Identity>,
    overflows: u64,
}

impl KernelUpcalls {
    pub(super) fn open(identity: Arc<Identity>, receive_buffer: usize) -> Result<Self, Error> {
        let socket = Socket::open(Ovs::PROTOCOL, receive_buffer)
            .map_err(|errno| identity.error(What::OpenSocket, Failure::Socket(errno)))?;
        Ok(Self {
            socket,
            identity,
            overflows: 0,
        })
    }

    /// Length of the next message, or `None` when none waits.
    fn next_length(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Failure> {
        loop {
            match self.socket.receive(buffer) {
                Ok(Received::Bytes(length)) => return Ok(Some(length)),
                Ok(Received::Nothing) => return Ok(None),
                Ok(Received::Truncated) => {
                    return Err(Failure::Malformed(
                        "longer than an upcall can be".to_owned(),
                    ));
                }
                Err(Errno::ENOBUFS) => self.overflows += 1,
                Err(errno) => return Err(Failure::Socket(errno)),
            }
        }
    }

    fn decode<'a>(&self, bytes: &'a [u8]) -> Result<Upcall<'a>, Failure> {
        let unexpected = |what: &str| Err(Failure::Malformed(what.to_owned()));
        match Messages::new(bytes).next().transpose()? {
            Some(message) => match message.body {
                Body::Answer {
                    kind,
                    prefix: Ovs { command, .. },
                    attrs,
                } if kind == self.identity.families.packet.id => decode_upcall(command, attrs),
                _ => unexpected("not a message of the packet family"),
            },
            None => unexpected("empty message"),
        }
    }
}

impl UpcallSource for KernelUpcalls {
    fn pid(&self) -> u32 {
        self.socket.pid()
    }

    fn receive<'a>(&mut self, buffer: &'a mut UpcallBuffer) -> Result<Option<Upcall<'a>>, Error> {
        let length = self.next_length(&mut buffer.0);
        let upcall = match length {
            Ok(None) => return Ok(None),
            Ok(Some(length)) => self.decode(buffer.0.get(..length).unwrap_or_default()),
            Err(failure) => Err(failure),
        };
        upcall
            .map(Some)
            .map_err(|failure| self.identity.error(What::Upcall, failure))
    }

    fn overflows(&self) -> u64 {
        self.overflows
    }
}

impl AsFd for KernelUpcalls {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
