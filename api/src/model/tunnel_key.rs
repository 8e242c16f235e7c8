//! Numbers for ports in tunnels. They count from 1 and are given in the transaction that creates the
//! port. A number must not come back within 24 hours, lest a frame that is still on its way reaches
//! another tenant's port; counting on to the end of 22 bits before beginning anew sees to that, as
//! long as fewer than 48 ports a second are created all day.

use weft_topology::port::Port;
use weft_topology::validate::MAX_TUNNEL_KEY;
use weft_topology::{Change, Object};

use super::Model;
use super::document::{Counter, Document};
use crate::error::ApiError;

/// A port that has none yet carries this.
pub(crate) const UNNUMBERED: u32 = 0;

/// Numbers the new ports among changes. Returns the counter's new value, if it moved.
pub(crate) fn number(model: &Model, changes: &mut [Change]) -> Result<Option<Document>, ApiError> {
    let before = model.counter(Counter::TunnelKey);
    let mut last = u32::try_from(before).unwrap_or(MAX_TUNNEL_KEY);
    for change in changes {
        if let Change::Put(Object::Port(port)) = change
            && port.tunnel_key == UNNUMBERED
        {
            last = next_free(last.into(), |key| {
                model.topology.port_by_tunnel_key(key).is_some()
            })?;
            *change = Change::Put(
                Port {
                    tunnel_key: last,
                    ..Port::clone(port)
                }
                .into(),
            );
        }
    }
    let moved = u64::from(last) != before;
    Ok(moved.then(|| Document::Counter(Counter::TunnelKey, last.into())))
}

/// The number after `last` that is not taken.
pub(crate) fn next_free(last: u64, is_taken: impl Fn(u32) -> bool) -> Result<u32, ApiError> {
    let last = u32::try_from(last).unwrap_or(MAX_TUNNEL_KEY);
    let upwards = last.saturating_add(1)..=MAX_TUNNEL_KEY;
    let from_the_start = 1..=last.min(MAX_TUNNEL_KEY);
    upwards
        .chain(from_the_start)
        .find(|key| !is_taken(*key))
        .ok_or_else(|| ApiError::Conflict("all numbers for ports in tunnels are in use".into()))
}
