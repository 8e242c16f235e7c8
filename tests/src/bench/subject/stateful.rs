//! What the bound's flows do: send on; or, for a packet whose connection the kernel is to look up, the two passes
//! that this takes (docs/architecture.md, one connection).
//!
//! The second pass's key is the first one's with three attributes overwritten: it need not be decoded.

use anyhow::Result;
use weft_flow::action::Ct;
use weft_flow::present::ct_state;
use weft_flow::{Action, encode_actions};

use super::bound::Program;
use super::messages::places;

/// `OVS_KEY_ATTR_*` of `include/uapi/linux/openvswitch.h`.
mod number {
    pub(super) const RECIRC_ID: u16 = 20;
    pub(super) const CT_STATE: u16 = 22;
    pub(super) const CT_ZONE: u16 = 23;
}

/// Any mark will do.
const MARK: u32 = 7;

/// The actions of packets from one port to the other, encoded.
#[derive(Debug)]
pub(super) struct Paths {
    first: Vec<u8>,
    /// Those of the second pass, and its number and zone.
    second: Option<(Vec<u8>, u32, u16)>,
}

impl Paths {
    /// Encodes them. A port's zone is its number.
    pub(super) fn of(program: Program, from: u32, to: u32) -> Result<Self> {
        let encoded = |actions: &[Action]| {
            let mut out = Vec::new();
            encode_actions(actions, &mut out).map(|()| out)
        };
        let send = Action::Output(to);
        if program == Program::Bare {
            let first = encoded(&[send])?;
            return Ok(Self {
                first,
                second: None,
            });
        }
        let zone = u16::try_from(from)?;
        let recirc = 2 * from;
        let ct = |zone, commit: bool| {
            Action::Ct(Ct {
                zone,
                commit,
                mark: commit.then_some((MARK, u32::MAX)),
                ..Ct::default()
            })
        };
        let first = encoded(&[ct(zone, false), Action::Recirc(recirc)])?;
        let second = encoded(&[ct(zone, true), ct(u16::try_from(to)?, true), send])?;
        Ok(Self {
            first,
            second: Some((second, recirc, zone)),
        })
    }

    /// The actions of a packet with this key.
    pub(super) fn now(&self, key: &[u8]) -> &[u8] {
        match &self.second {
            Some((second, ..)) if is_second(key) => second,
            _ => &self.first,
        }
    }

    /// What comes after: the key of a packet that begins a connection goes to `out`.
    pub(super) fn then(&self, key: &[u8], out: &mut Vec<u8>) -> Option<&[u8]> {
        let (second, recirc, zone) = self.second.as_ref()?;
        if is_second(key) {
            return None;
        }
        out.clear();
        out.extend_from_slice(key);
        let state = u32::from(ct_state::TRACKED | ct_state::NEW);
        for (kind, at) in places(key) {
            let value = match kind {
                number::RECIRC_ID => *recirc,
                number::CT_STATE => state,
                number::CT_ZONE => {
                    out.get_mut(at)?.copy_from_slice(&zone.to_ne_bytes());
                    continue;
                }
                _ => continue,
            };
            out.get_mut(at)?.copy_from_slice(&value.to_ne_bytes());
        }
        Some(second)
    }
}

/// Whether a key is of a packet that was looked up.
fn is_second(key: &[u8]) -> bool {
    let mut recirc = places(key).filter(|(kind, _)| *kind == number::RECIRC_ID);
    recirc
        .next()
        .and_then(|(_, at)| key.get(at))
        .is_some_and(|id| id.iter().any(|&byte| byte != 0))
}
