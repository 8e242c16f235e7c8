//! Flow and packet operations, many to a system call.
//!
//! The kernel answers a message only when it fails, or when an answer was asked for (statistics up to a
//! deletion or a change of actions). So a send that returns, followed by reading what waits, settles every operation.

use weft_flow::codec::EncodeError;

use super::packet::{Execute, encode_execute};
use super::uapi::{flow as flow_uapi, packet as packet_uapi};
use super::{KernelDatapath, flow};
use crate::datapath::{Op, OpReply, PutMode};
use crate::error::{Attempt, Error, What};
use crate::nl::message::{self, Body, Header, flag};
use crate::nl::prefix::Ovs;
use crate::nl::requests::Failure;

/// Operations a system call.
const MAX_OPS: usize = 50;
/// Bytes after which a batch takes no further operation. A single one may be longer.
const MAX_BYTES: usize = 128 << 10;

pub(super) fn apply(
    datapath: &mut KernelDatapath,
    ops: &[Op<'_>],
    results: &mut Vec<Result<OpReply, Error>>,
) {
    results.clear();
    results.reserve(ops.len());
    let mut rest = ops;
    while !rest.is_empty() {
        let first = results.len();
        let count = encode_batch(datapath, rest, results);
        let (batch, later) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        rest = later;
        let results = results.get_mut(first..).unwrap_or_default();
        send(datapath, batch, results);
    }
}

/// Encodes as many operations as one system call takes, each with the result that holds if the kernel says
/// nothing of it ([`send`] knows which it must say something of). An operation that cannot be encoded keeps its number but sends no message.
fn encode_batch(
    datapath: &mut KernelDatapath,
    ops: &[Op<'_>],
    results: &mut Vec<Result<OpReply, Error>>,
) -> usize {
    let flow_header = datapath.flow_header(0, 0);
    let packet = datapath.identity.families.packet.id;
    let packet_header = datapath.header(packet, packet_uapi::VERSION, 0, 0);
    let identity = &datapath.identity;
    let counters = datapath.counters.own();
    let (mut seq, out) = datapath.requests.begin_batch();
    let mut count = 0;
    for op in ops.iter().take(MAX_OPS) {
        if out.len() > MAX_BYTES {
            break;
        }
        let (command, flags) = match op {
            Op::Put {
                mode: PutMode::Create,
                ..
            } => (flow_uapi::NEW, flag::CREATE),
            Op::Put { .. } => (flow_uapi::NEW, 0),
            Op::SetActions { .. } => (flow_uapi::SET, flag::ECHO),
            Op::Delete { .. } | Op::DeleteUnnamed { .. } => (flow_uapi::DEL, flag::ECHO),
            Op::Execute { .. } => (packet_uapi::EXECUTE, 0),
        };
        match op {
            Op::Put { .. } => counters.puts.add(1),
            Op::SetActions { .. } => counters.set_actions.add(1),
            Op::Delete { .. } | Op::DeleteUnnamed { .. } => counters.deletes.add(1),
            Op::Execute { .. } => counters.executes.add(1),
        }
        let header = match op {
            Op::Execute { .. } => packet_header,
            _ => flow_header,
        };
        let open = message::open(
            out,
            &Header {
                flags,
                seq,
                prefix: Ovs {
                    command,
                    ..header.prefix
                },
                ..header
            },
        );
        results.push(match encode(op, out) {
            Ok(()) => {
                message::close(out, open);
                Ok(OpReply::Done)
            }
            Err(error) => {
                message::abandon(out, open);
                Err(Error::BadRequest {
                    attempt: Box::new(identity.attempt(what(op))),
                    reason: error.to_string(),
                })
            }
        });
        seq = seq.wrapping_add(1);
        count += 1;
    }
    counters.batches.add(1);
    count
}

fn send(datapath: &mut KernelDatapath, ops: &[Op<'_>], results: &mut [Result<OpReply, Error>]) {
    let now = flow::Now::read();
    let identity = &datapath.identity;
    let count = u32::try_from(ops.len()).unwrap_or(u32::MAX);
    let sent = datapath.requests.send_batch(count, |place, body| {
        let place = place as usize;
        let (Some(op), Some(result)) = (ops.get(place), results.get_mut(place)) else {
            return;
        };
        match body {
            Body::Failed { errno, text } => {
                *result = Err(Error::from_kernel(identity.attempt(what(op)), errno, text));
            }
            Body::Answer { attrs, .. } => {
                *result = flow::decode_stats(attrs, now)
                    .map(OpReply::Stats)
                    .map_err(|failure| identity.error(what(op), failure));
            }
            Body::Done => {}
        }
    });
    for (op, result) in ops.iter().zip(results) {
        if !matches!(result, Ok(OpReply::Done)) {
            continue;
        }
        match &sent {
            Err(failure) => *result = Err(failed(identity.attempt(what(op)), failure)),
            Ok(()) if answers(op) => {
                let attempt = Box::new(identity.attempt(what(op)));
                *result = Err(Error::AnswerLost { attempt });
            }
            Ok(()) => {}
        }
    }
}

/// Whether the kernel answers an operation also when it succeeds.
fn answers(op: &Op<'_>) -> bool {
    matches!(
        op,
        Op::Delete { .. } | Op::DeleteUnnamed { .. } | Op::SetActions { .. }
    )
}

/// The failure of a whole batch, for one of its operations.
fn failed(attempt: Attempt, failure: &Failure) -> Error {
    let attempt = Box::new(attempt);
    match failure {
        Failure::Socket(errno) => Error::Socket {
            attempt,
            errno: *errno,
        },
        Failure::Malformed(reason) => Error::Malformed {
            attempt,
            reason: reason.clone(),
        },
        _ => Error::AnswerLost { attempt },
    }
}

fn encode(op: &Op<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match *op {
        Op::Put {
            ufid,
            key,
            mask,
            actions,
            ..
        } => flow::encode(ufid, (key, mask, actions), out),
        Op::SetActions {
            ufid,
            key,
            mask,
            actions,
            anew,
        } => flow::encode_change(ufid, (key, mask, actions), anew, out),
        Op::Delete { ufid } => {
            flow::encode_briefly(ufid, out);
            Ok(())
        }
        Op::DeleteUnnamed { key } => flow::encode_unnamed(key, out),
        Op::Execute {
            packet,
            key_attrs,
            actions,
            mru,
            hash,
        } => encode_execute(
            &Execute {
                packet,
                key_attrs,
                actions,
                mru,
                hash,
            },
            out,
        ),
    }
}

/// The operation in words.
pub(crate) fn what(op: &Op<'_>) -> What {
    match *op {
        Op::Put { ufid, .. } => What::PutFlow(ufid),
        Op::SetActions { ufid, .. } => What::SetActions(ufid),
        Op::Delete { ufid } => What::DeleteFlow(ufid),
        Op::DeleteUnnamed { .. } => What::DeleteUnnamedFlow,
        Op::Execute { .. } => What::Execute,
    }
}
