//! Flooding: to group addresses, and to stations that the bridge does not know.

use weft_flow::Field;
use weft_topology::Tag;

use crate::reason::Reason;
use crate::trace::What;
use crate::walk::Walk;

/// Sends a frame out of every port of the bridge that is carried here and up, but the one it came in
/// by, in the order of the ports' ids.
pub(crate) fn to_all_others(walk: &mut Walk<'_, '_>) -> Reason {
    let (snapshot, bridge) = (walk.snapshot, walk.bridge);
    walk.probe.tag(Tag::Flood(bridge));
    for local in snapshot.local_ports_of(bridge) {
        if local.port == walk.ingress.id {
            continue;
        }
        // It is loaded: by its object the snapshot knows it to be the bridge's.
        match snapshot.port(local.port).here() {
            Some(port) if port.admin_state_up => walk.output(local.port, local.number),
            _ => walk.probe.step(Some(local.port.into()), What::SkipsDown),
        }
    }
    if walk.probe.lists.actions.is_empty() {
        Reason::NobodyElse(bridge)
    } else if walk.probe.is_group(Field::EthDst) == Some(true) {
        Reason::FloodGroup(bridge)
    } else {
        Reason::FloodUnknown(bridge)
    }
}
