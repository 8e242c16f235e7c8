//! Netlink messages: `struct nlmsghdr`, what the protocol puts after it, then attributes.

use std::marker::PhantomData;

use nix::errno::Errno;
use weft_flow::attr::Attrs;

use super::prefix::{Ovs, Prefix};

/// `NLM_F_*` of requests and answers.
pub(crate) mod flag {
    /// This is a request.
    pub(crate) const REQUEST: u16 = 0x01;
    /// The kernel answers also when there is nothing to say.
    pub(crate) const ACK: u16 = 0x04;
    /// The kernel sends the result back.
    pub(crate) const ECHO: u16 = 0x08;
    /// An object changed while the dump went on.
    pub(crate) const DUMP_INTERRUPTED: u16 = 0x10;
    /// The object must not be there.
    pub(crate) const CREATE: u16 = 0x400;
    /// All objects (`NLM_F_ROOT | NLM_F_MATCH`).
    pub(crate) const DUMP: u16 = 0x300;
    /// The error has attributes after it.
    pub(crate) const ACK_TLVS: u16 = 0x200;
    /// The error quotes only the header of the request.
    pub(crate) const CAPPED: u16 = 0x100;
}

/// Length of `struct nlmsghdr`.
const NLMSG_HEADER: usize = 16;
const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSGERR_ATTR_MSG: u16 = 1;

/// What a request is addressed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header<P = Ovs> {
    /// `nlmsg_type`: a generic netlink family's number, or netfilter's subsystem and command.
    pub(crate) kind: u16,
    /// `NLM_F_*`.
    pub(crate) flags: u16,
    /// Comes back with the answer.
    pub(crate) seq: u32,
    /// The protocol's own.
    pub(crate) prefix: P,
}

/// A message that is still open.
#[derive(Debug)]
#[must_use = "an open message has no length yet"]
pub(crate) struct Open {
    start: usize,
}

/// A message from the kernel.
#[derive(Clone, Debug)]
pub(crate) struct Message<'a, P = Ovs> {
    /// `NLM_F_*`.
    pub(crate) flags: u16,
    /// That of the request; 0 for what was not asked for.
    pub(crate) seq: u32,
    /// What it is.
    pub(crate) body: Body<'a, P>,
}

/// What a message says.
#[derive(Clone, Debug)]
pub(crate) enum Body<'a, P = Ovs> {
    /// The request failed.
    Failed {
        /// Why.
        errno: Errno,
        /// In words, where the kernel has any.
        text: Option<String>,
    },
    /// The request succeeded, or the dump ended.
    Done,
    /// An answer.
    Answer {
        /// `nlmsg_type`: who answers.
        kind: u16,
        /// The protocol's own.
        prefix: P,
        /// The rest.
        attrs: Attrs<'a>,
    },
}

/// Bytes that are not a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum MessageError {
    /// The header is cut, or its length goes beyond the bytes received.
    #[error("message of length {length} in {left} bytes")]
    Length {
        /// The length that the header gives; 0 if there is no whole header.
        length: usize,
        /// How many bytes there are.
        left: usize,
    },
    /// The message is shorter than its kind.
    #[error("message of type {kind} has {length} bytes of payload, too few")]
    Payload {
        /// `nlmsg_type`.
        kind: u16,
        /// Length of its payload.
        length: usize,
    },
}

/// Walks the messages of one receive. After the first error it ends.
#[derive(Clone, Debug)]
pub(crate) struct Messages<'a, P = Ovs>(&'a [u8], PhantomData<P>);

/// Opens a message at the end of `out`, which holds whole messages.
pub(crate) fn open<P: Prefix>(out: &mut Vec<u8>, header: &Header<P>) -> Open {
    let start = out.len();
    out.extend_from_slice(&[0; 4]); // the length, by `close`
    out.extend_from_slice(&header.kind.to_ne_bytes());
    out.extend_from_slice(&(header.flags | flag::REQUEST).to_ne_bytes());
    out.extend_from_slice(&header.seq.to_ne_bytes());
    out.extend_from_slice(&[0; 4]); // the kernel knows who we are
    header.prefix.write(out);
    Open { start }
}

/// Closes a message: writes its length, and pads.
pub(crate) fn close(out: &mut Vec<u8>, open: Open) {
    let length = u32::try_from(out.len() - open.start).unwrap_or(u32::MAX);
    if let Some(field) = out.get_mut(open.start..open.start + 4) {
        field.copy_from_slice(&length.to_ne_bytes());
    }
    out.resize(out.len().next_multiple_of(4), 0);
}

/// Takes back what was opened.
pub(crate) fn abandon(out: &mut Vec<u8>, open: Open) {
    out.truncate(open.start);
}

impl<'a, P: Prefix> Messages<'a, P> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes, PhantomData)
    }

    fn fail(&mut self, error: MessageError) -> Option<Result<Message<'a, P>, MessageError>> {
        self.0 = &[];
        Some(Err(error))
    }
}

impl<'a, P: Prefix> Iterator for Messages<'a, P> {
    type Item = Result<Message<'a, P>, MessageError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.0.is_empty() {
                return None;
            }
            let left = self.0.len();
            let Some((header, _)) = self.0.split_first_chunk::<NLMSG_HEADER>() else {
                return self.fail(MessageError::Length { length: 0, left });
            };
            let [l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, ..] = *header;
            let length = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
            let kind = u16::from_ne_bytes([k0, k1]);
            let flags = u16::from_ne_bytes([f0, f1]);
            let seq = u32::from_ne_bytes([s0, s1, s2, s3]);
            let Some(payload) = self.0.get(NLMSG_HEADER..length) else {
                return self.fail(MessageError::Length { length, left });
            };
            let step = length.next_multiple_of(4).min(left);
            self.0 = self.0.get(step..).unwrap_or_default();
            if kind == NLMSG_NOOP {
                continue;
            }
            return match body(kind, flags, payload) {
                Some(body) => Some(Ok(Message { flags, seq, body })),
                None => self.fail(MessageError::Payload {
                    kind,
                    length: payload.len(),
                }),
            };
        }
    }
}

fn body<P: Prefix>(kind: u16, flags: u16, payload: &[u8]) -> Option<Body<'_, P>> {
    match kind {
        NLMSG_ERROR | NLMSG_DONE => status(kind, flags, payload),
        _ => {
            let (prefix, attrs) = P::read(payload)?;
            Some(Body::Answer {
                kind,
                prefix,
                attrs: Attrs::new(attrs),
            })
        }
    }
}

/// An error or the end of a dump: a negative error number (0: none), for an error the quoted request,
/// then perhaps attributes.
fn status<P>(kind: u16, flags: u16, payload: &[u8]) -> Option<Body<'_, P>> {
    let Some((code, rest)) = payload.split_first_chunk::<4>() else {
        // Old kernels end a dump without a number.
        return (kind == NLMSG_DONE).then_some(Body::Done);
    };
    let code = i32::from_ne_bytes(*code);
    if code == 0 {
        return Some(Body::Done);
    }
    let quoted = match kind {
        NLMSG_ERROR => quoted_length(flags, rest)?,
        _ => 0,
    };
    let text = (flags & flag::ACK_TLVS != 0)
        .then(|| {
            Attrs::new(rest.get(quoted..)?)
                .filter_map(Result::ok)
                .find(|attr| attr.kind == NLMSGERR_ATTR_MSG)?
                .str()
                .ok()
                .map(str::to_owned)
        })
        .flatten();
    Some(Body::Failed {
        errno: Errno::from_raw(code.saturating_neg()),
        text,
    })
}

/// How many bytes of an error quote the request.
fn quoted_length(flags: u16, rest: &[u8]) -> Option<usize> {
    if flags & flag::CAPPED != 0 {
        return Some(NLMSG_HEADER);
    }
    let length = u32::from_ne_bytes(*rest.first_chunk()?) as usize;
    Some(length.next_multiple_of(4).max(NLMSG_HEADER))
}

#[cfg(test)]
mod tests;
