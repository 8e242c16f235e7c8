//! The two entrances: judge a packet by its key, or serve one that was brought up.

use weft_topology::Snapshot;

use crate::outcome::Outcome;
use crate::probe::Probe;
use crate::reason::Reason;

/// Judges a packet by its kernel key.
///
/// Where a local service takes the packet, the outcome is a flow that brings such packets up
/// ([`Outcome::punt`]); the packet itself, and every later one of that flow, is for [`serve`].
pub fn simulate(snapshot: &Snapshot, probe: &mut Probe<'_>) -> Outcome {
    let _ = snapshot;
    probe.begin();
    probe.finish(Reason::NoSuchPort(0))
}

/// Judges one packet that a flow of [`simulate`]'s brought up for a local service, by its bytes, too.
///
/// It walks the same stages: a service that takes the packet answers it; one that does not (a DHCP
/// message with another's `chaddr`, a relayed one) lets it go on like any other, by the outcome's
/// actions. The outcome is for this packet alone: no flow.
pub fn serve(snapshot: &Snapshot, probe: &mut Probe<'_>) -> Outcome {
    let _ = snapshot;
    probe.begin();
    probe.this_packet_only();
    probe.finish(Reason::NoSuchPort(0))
}
