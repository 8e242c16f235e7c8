//! What the running kernel can do, found out by asking it.
//!
//! An action is asked for by putting a flow with it on a port number that the datapath does not use, marked
//! as a probe so that the kernel does not log its refusal, and deleting it again. No packet can match it.

use std::fmt;

use nix::errno::Errno;
use weft_flow::action::Ct;
use weft_flow::attr::{NESTED, PutAttr};
use weft_flow::key::UnknownAttr;
use weft_flow::{Action, Field, FlowKey, FlowMask, Ufid};

use super::uapi::{flow as flow_uapi, meter};
use super::{KernelDatapath, flow};
use crate::error::{Error, What};
use crate::nl::family::Family;
use crate::nl::message::flag;
use crate::nl::requests::Failure;

/// What the running kernel can do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capabilities {
    /// The kernel's release.
    pub kernel: String,
    /// The netlink families with their versions, highest attributes, commands and groups.
    pub families: Vec<Family>,
    /// Which of the optional actions it takes.
    pub actions: Vec<(OptionalAction, bool)>,
    /// How many meters there may be; 0: none.
    pub max_meters: u32,
    /// How many bands a meter may have.
    pub max_bands: u32,
    /// Whether connections can be limited by zone.
    pub ct_limit: bool,
    /// Whether a key may have IPv6 extension headers (Linux 5.17).
    pub ipv6_exthdrs: bool,
}

/// Actions that not every kernel has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OptionalAction {
    /// Connection tracking.
    Ct,
    /// Meters.
    Meter,
    /// One of two lists of actions by the packet's length.
    CheckPktLen,
    /// Counting down the TTL.
    DecTtl,
    /// Dropping with a reason.
    Drop,
    /// Sampling to a psample group.
    Psample,
}

impl OptionalAction {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Ct,
        Self::Meter,
        Self::CheckPktLen,
        Self::DecTtl,
        Self::Drop,
        Self::Psample,
    ];

    /// The simplest form of the action.
    fn simplest(self) -> Action {
        let other = |kind, payload: &[u8]| {
            Action::Unknown(UnknownAttr {
                kind,
                payload: payload.to_vec(),
            })
        };
        match self {
            Self::Ct => Action::Ct(Ct::default()),
            Self::Meter => Action::Meter(1),
            Self::CheckPktLen => Action::CheckPktLen {
                length: 1500,
                greater: Vec::new(),
                less_or_equal: Vec::new(),
            },
            Self::Drop => Action::Drop(0),
            // An empty list of actions for packets whose TTL runs out.
            Self::DecTtl => other(DEC_TTL, &attr(|out| out.put_flag(DEC_TTL_ACTION))),
            Self::Psample => other(PSAMPLE | NESTED, &attr(|out| out.put_u32(PSAMPLE_GROUP, 1))),
        }
    }
}

/// Actions and their attributes that `weft-flow` has no types for, as this program does not use them. The
/// kernel wants the flag of nested attributes on the newer one, the others do without.
const DEC_TTL: u16 = 23;
const DEC_TTL_ACTION: u16 = 1;
const PSAMPLE: u16 = 25;
const PSAMPLE_GROUP: u16 = 1;

fn attr(put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out);
    out
}

/// The probe flows' id; nothing else has it.
const UFID: Ufid = Ufid(*b"weft probe flow ");
/// The highest port number that the kernel takes.
const UNUSED_PORT: u128 = 65_534;
/// An IP protocol for experiments (RFC 3692): no header is looked for after it.
const EXPERIMENTAL: u128 = 253;

impl KernelDatapath {
    /// Asks the running kernel what it can do.
    pub fn probe(&mut self) -> Result<Capabilities, Error> {
        let release = nix::sys::utsname::uname()
            .map(|name| name.release().to_string_lossy().into_owned())
            .unwrap_or_default();
        let mut ipv4 = FlowKey::new();
        ipv4.set(Field::EthType, 0x0800).set(Field::Ipv4Src, 0);
        ipv4.set(Field::IpProto, EXPERIMENTAL);
        let mut actions = Vec::new();
        for action in OptionalAction::ALL {
            actions.push((action, self.takes(ipv4.clone(), &[action.simplest()])?));
        }
        let mut ipv6 = FlowKey::new();
        ipv6.set(Field::EthType, 0x86dd).set(Field::Ipv6Src, 0);
        ipv6.set(Field::IpProto, EXPERIMENTAL);
        ipv6.set(Field::Ipv6Exthdrs, 1);
        let ipv6_exthdrs = self.takes(ipv6, &[])?;
        let (max_meters, max_bands) = self.meters()?;
        Ok(Capabilities {
            kernel: release,
            families: self.identity.families.iter().cloned().collect(),
            actions,
            max_meters,
            max_bands,
            ct_limit: self.identity.families.ct_limit.is_some(),
            ipv6_exthdrs,
        })
    }

    /// Whether the kernel takes a flow with that key, every field of it exact, and those actions.
    fn takes(&mut self, mut key: FlowKey, actions: &[Action]) -> Result<bool, Error> {
        key.set(Field::InPort, UNUSED_PORT);
        key.set(Field::EthSrc, 0).set(Field::EthDst, 0);
        let mut mask = FlowMask::new();
        for (field, _) in key.fields() {
            mask.add_field(field);
        }
        let mut attrs = Vec::new();
        flow::encode(UFID, (&key, &mask, actions), &mut attrs).map_err(|error| {
            Error::BadRequest {
                attempt: Box::new(self.identity.attempt(What::Probe)),
                reason: error.to_string(),
            }
        })?;
        attrs.put_flag(flow_uapi::PROBE);
        let asked = self.requests.ask(
            self.flow_header(flow_uapi::NEW, flag::CREATE),
            |out| {
                out.extend_from_slice(&attrs);
                Ok(())
            },
            |_| Ok(()),
        );
        match asked {
            Ok(()) => {}
            Err(Failure::Kernel(Errno::EINVAL | Errno::EOPNOTSUPP | Errno::ERANGE, _)) => {
                return Ok(false);
            }
            Err(failure) => return Err(self.identity.error(What::Probe, failure)),
        }
        let delete = self.flow_header(flow_uapi::DEL, 0);
        let briefly = |out: &mut Vec<u8>| {
            flow::encode_briefly(UFID, out);
            Ok(())
        };
        self.requests
            .ask(delete, briefly, |_| Ok(()))
            .map_err(|failure| self.identity.error(What::Probe, failure))?;
        Ok(true)
    }

    /// How many meters and bands there may be.
    fn meters(&mut self) -> Result<(u32, u32), Error> {
        let Some(family) = &self.identity.families.meter else {
            return Ok((0, 0));
        };
        let (mut meters, mut bands) = (0, 0);
        let header = self.header(family.id, meter::VERSION, meter::FEATURES, 0);
        self.requests
            .ask(
                header,
                |_| Ok(()),
                |answer| {
                    for attr in answer.attrs {
                        let attr = attr?;
                        match attr.kind {
                            meter::MAX_METERS => meters = attr.u32()?,
                            meter::MAX_BANDS => bands = attr.u32()?,
                            _ => {}
                        }
                    }
                    Ok(())
                },
            )
            .map_err(|failure| self.identity.error(What::Probe, failure))?;
        Ok((meters, bands))
    }
}

impl Capabilities {
    /// Whether the kernel takes an action.
    pub fn has(&self, action: OptionalAction) -> bool {
        self.actions.contains(&(action, true))
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "kernel {}", self.kernel)?;
        for family in &self.families {
            writeln!(
                f,
                "family {}: id {}, version {}, attributes up to {}, {} commands",
                family.name,
                family.id,
                family.version,
                family.max_attr,
                family.commands.len()
            )?;
        }
        for (action, there) in &self.actions {
            writeln!(
                f,
                "action {action:?}: {}",
                if *there { "yes" } else { "no" }
            )?;
        }
        writeln!(
            f,
            "meters: {}, bands each: {}",
            self.max_meters, self.max_bands
        )?;
        writeln!(f, "ct_limit: {}", if self.ct_limit { "yes" } else { "no" })?;
        write!(
            f,
            "IPv6 extension headers in keys: {}",
            if self.ipv6_exthdrs { "yes" } else { "no" }
        )
    }
}
