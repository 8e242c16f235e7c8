//! Flows of the kernel's datapath, in messages.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use weft_flow::attr::{Attr, Attrs, PutAttr};
use weft_flow::codec::{
    EncodeError, decode_actions, decode_key, decode_mask, encode_actions, encode_key, encode_mask,
    in_port,
};
use weft_flow::{Action, Field, FlowKey, FlowMask, Ufid};

use super::uapi::flow;
use crate::datapath::{DumpedFlow, FlowName, FlowStats, FlowUsage};
use crate::nl::requests::Failure;

/// Appends what puts a flow.
pub(super) fn encode(
    ufid: Ufid,
    (key, mask, actions): (&FlowKey, &FlowMask, &[Action]),
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    encode_ufid(ufid, out);
    let nest = out.begin(flow::KEY);
    encode_key(key, out)?;
    out.end(nest)?;
    let nest = out.begin(flow::MASK);
    encode_mask(mask, key, out)?;
    out.end(nest)?;
    let nest = out.begin(flow::ACTIONS);
    encode_actions(actions, out)?;
    Ok(out.end(nest)?)
}

/// Appends what changes a flow's actions, for an answer without key, mask and actions.
pub(super) fn encode_change(
    ufid: Ufid,
    (key, mask, actions): (&FlowKey, &FlowMask, &[Action]),
    anew: bool,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let (key, mask) = to_check_actions(key, mask);
    encode(ufid, (&key, &mask, actions), out)?;
    if anew {
        out.put_flag(flow::CLEAR);
    }
    encode_brief_answer(out);
    Ok(())
}

/// Key and mask to check actions against, for which two things do not matter that the kernel shows in a
/// dump and refuses in a key: a tunnel header without destination, where that does not count, and
/// ethertype 0, where that does not.
pub(crate) fn to_check_actions(key: &FlowKey, mask: &FlowMask) -> (FlowKey, FlowMask) {
    let (mut key, mut mask) = (key.clone(), mask.clone());
    key.clear_tunnel();
    mask.clear_tunnel();
    if key.get(Field::EthType) == Some(0) {
        key.clear(Field::EthType);
    }
    (key, mask)
}

/// Appends what names a flow, for an answer without key, mask and actions.
pub(super) fn encode_briefly(ufid: Ufid, out: &mut Vec<u8>) {
    encode_ufid(ufid, out);
    encode_brief_answer(out);
}

/// Appends that the answer shall have no key, mask and actions.
fn encode_brief_answer(out: &mut Vec<u8>) {
    out.put_u32(flow::UFID_FLAGS, flow::OMIT_ALL);
}

/// Appends what names a flow that has no id.
pub(super) fn encode_unnamed(key: &FlowKey, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let nest = out.begin(flow::KEY);
    encode_key(key, out)?;
    Ok(out.end(nest)?)
}

/// Appends what names a flow.
pub(super) fn encode_ufid(ufid: Ufid, out: &mut Vec<u8>) {
    out.put_array(flow::UFID, &ufid.0);
}

/// What a flow in a dump is made of; the parts still undecoded.
#[derive(Default)]
struct Parts<'a> {
    ufid: Option<Ufid>,
    key: Option<&'a [u8]>,
    mask: Option<&'a [u8]>,
    actions: Option<&'a [u8]>,
    stats: FlowStats,
}

/// What is known of a flow that could not be decoded.
pub(super) struct Undecoded {
    pub(super) ufid: Option<Ufid>,
    pub(super) key: Option<Box<FlowKey>>,
    pub(super) failure: Failure,
}

/// A flow, or what is known of one that could not be decoded.
pub(super) fn decode(attrs: Attrs<'_>, now: Now) -> Result<DumpedFlow, Undecoded> {
    let parts = parts(attrs, now).map_err(|failure| Undecoded {
        ufid: None,
        key: None,
        failure,
    })?;
    content(&parts).map_err(|failure| Undecoded {
        ufid: parts.ufid,
        key: parts.key.and_then(|key| decode_key(key).ok()).map(Box::new),
        failure,
    })
}

/// A flow in a dump that was asked to be brief. One that somebody put without an id is named by its key, which
/// must be understood then.
pub(super) fn decode_usage(attrs: Attrs<'_>, now: Now) -> Result<FlowUsage, Undecoded> {
    let bad = |failure| Undecoded {
        ufid: None,
        key: None,
        failure,
    };
    let parts = parts(attrs, now).map_err(bad)?;
    let key = parts.key.unwrap_or_default();
    let name = match parts.ufid {
        Some(ufid) => FlowName::Ufid(ufid),
        None => {
            let key =
                decode_key(key).map_err(|error| bad(Failure::Malformed(error.to_string())))?;
            FlowName::Key(Box::new(key))
        }
    };
    Ok(FlowUsage {
        name,
        in_port: in_port(key),
        stats: parts.stats,
    })
}

/// A flow's statistics out of an answer to its deletion.
pub(super) fn decode_stats(attrs: Attrs<'_>, now: Now) -> Result<FlowStats, Failure> {
    Ok(parts(attrs, now)?.stats)
}

fn parts(attrs: Attrs<'_>, now: Now) -> Result<Parts<'_>, Failure> {
    let mut parts = Parts::default();
    for attr in attrs {
        let attr = attr?;
        match attr.kind {
            flow::UFID => parts.ufid = ufid(&attr),
            flow::KEY => parts.key = Some(attr.payload),
            flow::MASK => parts.mask = Some(attr.payload),
            flow::ACTIONS => parts.actions = Some(attr.payload),
            flow::STATS => {
                let [p0, p1, p2, p3, p4, p5, p6, p7, bytes @ ..] = *attr.array::<16>()?;
                parts.stats.packets = u64::from_ne_bytes([p0, p1, p2, p3, p4, p5, p6, p7]);
                parts.stats.bytes = u64::from_ne_bytes(bytes);
            }
            flow::TCP_FLAGS => parts.stats.tcp_flags = attr.u8()?,
            flow::USED => parts.stats.idle = Some(now.since(attr.u64()?)),
            _ => {}
        }
    }
    Ok(parts)
}

fn content(parts: &Parts<'_>) -> Result<DumpedFlow, Failure> {
    let missing = |what: &str| Failure::Malformed(format!("flow without {what}"));
    let malformed = |error: &dyn std::fmt::Display| Failure::Malformed(error.to_string());
    let key = decode_key(parts.key.ok_or_else(|| missing("key"))?);
    let key = key.map_err(|error| malformed(&error))?;
    let mask = decode_mask(parts.mask.ok_or_else(|| missing("mask"))?, &key);
    // The kernel leaves out actions for which a dump's message has no room.
    let actions = decode_actions(parts.actions.ok_or_else(|| missing("actions"))?);
    Ok(DumpedFlow {
        ufid: parts.ufid,
        mask: mask.map_err(|error| malformed(&error))?,
        actions: actions.map_err(|error| malformed(&error))?,
        key,
        stats: parts.stats,
    })
}

/// Others may use shorter ids; only ours can be named by this program.
fn ufid(attr: &Attr<'_>) -> Option<Ufid> {
    attr.array().ok().map(|bytes| Ufid(*bytes))
}

/// The kernel's monotonic clock in milliseconds, which flows' times of use are on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now(u64);

impl Now {
    pub(super) fn read() -> Self {
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from);
        Self(u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX))
    }

    fn since(self, used: u64) -> Duration {
        Duration::from_millis(self.0.saturating_sub(used))
    }
}
