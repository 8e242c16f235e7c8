//! Limits of zones' connections in the kernel (`enum ovs_ct_limit_attr`, `struct ovs_zone_limit`).

use std::num::NonZeroU32;

use weft_flow::attr::PutAttr;

use super::KernelDatapath;
use super::uapi::ct_limit as uapi;
use crate::error::{Error, What};
use crate::limit::{ConnectionLimits, Limit, Limited};
use crate::nl::family::name;
use crate::nl::requests::Failure;

impl ConnectionLimits for KernelDatapath {
    fn set_limit(&mut self, of: Limited, limit: Option<NonZeroU32>) -> Result<(), Error> {
        self.ask_limit(uapi::SET, What::SetLimit(of), of, limit)
            .map(drop)
    }

    fn clear_limit(&mut self, of: Limited) -> Result<(), Error> {
        self.ask_limit(uapi::DEL, What::SetLimit(of), of, None)
            .map(drop)
    }

    fn limit(&mut self, of: Limited) -> Result<Limit, Error> {
        let what = What::GetLimit(of);
        let answer = self.ask_limit(uapi::GET, what.clone(), of, None)?;
        answer.ok_or_else(|| self.identity.error(what, Failure::Lost))
    }
}

impl KernelDatapath {
    /// The answer's limit, if it has one.
    fn ask_limit(
        &mut self,
        command: u8,
        what: What,
        of: Limited,
        limit: Option<NonZeroU32>,
    ) -> Result<Option<Limit>, Error> {
        let Some(family) = &self.identity.families.ct_limit else {
            return Err(Error::NoFamily {
                attempt: Box::new(self.identity.attempt(what)),
                family: name::CT_LIMIT,
            });
        };
        let header = self.header(family.id, uapi::VERSION, command, 0);
        let mut found = None;
        self.requests
            .ask(
                header,
                |out| {
                    out.put_array(uapi::ZONE_LIMIT, &encode(of, limit));
                    Ok(())
                },
                |answer| {
                    for attr in answer.attrs {
                        let attr = attr?;
                        if attr.kind == uapi::ZONE_LIMIT {
                            found = attr.payload.first_chunk().map(decode);
                        }
                    }
                    Ok(())
                },
            )
            .map_err(|failure| self.identity.error(what, failure))?;
        Ok(found)
    }
}

/// `struct ovs_zone_limit`: zone (-1: the default), limit (0: none), count.
fn encode(of: Limited, limit: Option<NonZeroU32>) -> [u8; 12] {
    let zone = match of {
        Limited::Default => -1,
        Limited::Zone(zone) => i32::from(zone),
    };
    let [z0, z1, z2, z3] = zone.to_ne_bytes();
    let [l0, l1, l2, l3] = limit.map_or(0, NonZeroU32::get).to_ne_bytes();
    [z0, z1, z2, z3, l0, l1, l2, l3, 0, 0, 0, 0]
}

pub(super) fn decode(bytes: &[u8; 12]) -> Limit {
    let [_, _, _, _, l0, l1, l2, l3, count @ ..] = *bytes;
    Limit {
        limit: NonZeroU32::new(u32::from_ne_bytes([l0, l1, l2, l3])),
        count: u32::from_ne_bytes(count),
    }
}
