//! Flooding: to group addresses, and to stations that the bridge does not know.

use std::ops::ControlFlow;

use weft_flow::Field;
use weft_topology::Tag;

use crate::reason::Reason;
use crate::trace::What;
use crate::walk::{Sent, Walk};

/// Sends a frame out of every port of the bridge that is carried here and up, but the one it came in
/// by, in the order of the ports' ids.
pub(crate) fn to_all_others(walk: &mut Walk<'_, '_>) -> ControlFlow<Reason, Reason> {
    let (snapshot, bridge) = (walk.snapshot, walk.bridge);
    walk.probe.tag(Tag::Flood(bridge));
    walk.is_flooded = true;
    let mut held_back = false;
    for local in snapshot.local_ports_of(bridge) {
        if local.port == walk.ingress.id {
            continue;
        }
        // It is loaded: by its object the snapshot knows it to be the bridge's.
        match snapshot.port(local.port).here() {
            Some(port) if port.admin_state_up => {
                held_back |= walk.send(port, local)? != Sent::Out;
            }
            _ => walk.probe.step(Some(local.port.into()), What::SkipsDown),
        }
    }
    let reason = match (walk.is_sent, held_back) {
        (true, _) if walk.probe.is_group(Field::EthDst) == Some(true) => Reason::FloodGroup(bridge),
        (true, _) => Reason::FloodUnknown(bridge),
        (false, true) => Reason::FilteredEverywhere(bridge),
        (false, false) => Reason::NobodyElse(bridge),
    };
    ControlFlow::Continue(reason)
}
