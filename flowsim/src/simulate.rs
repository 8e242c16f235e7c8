//! The two entrances: judge a packet by its key, or serve one that was brought up.

use std::ops::ControlFlow;

use weft_topology::Snapshot;

use crate::outcome::Outcome;
use crate::probe::Probe;
use crate::stages::{STAGES, Stage};
use crate::walk::Purpose;
use crate::{flood, logged, mark, port};

/// Judges a packet by its kernel key.
///
/// Where a local service takes the packet, the outcome is a flow that brings such packets up
/// ([`Outcome::punt`]); the packet itself, and every later one of that flow, is for [`serve`].
pub fn simulate(snapshot: &Snapshot, probe: &mut Probe<'_>) -> Outcome {
    run(STAGES, snapshot, probe, Purpose::Judge)
}

/// Judges one packet that a flow of [`simulate`]'s brought up for a local service, by its bytes, too.
///
/// It walks the same stages: a service that takes the packet answers it; one that does not (a DHCP
/// message with another's `chaddr`, a relayed one) lets it go on like any other, by the outcome's
/// actions. The outcome is for this packet alone: no flow.
pub fn serve(snapshot: &Snapshot, probe: &mut Probe<'_>) -> Outcome {
    run(STAGES, snapshot, probe, Purpose::Serve)
}

pub(crate) fn run(
    stages: &[Stage],
    snapshot: &Snapshot,
    probe: &mut Probe<'_>,
    purpose: Purpose,
) -> Outcome {
    probe.begin();
    if purpose == Purpose::Serve {
        probe.this_packet_only();
    }
    let reason = match port::enter(snapshot, probe, purpose) {
        ControlFlow::Break(reason) => reason,
        ControlFlow::Continue(mut walk) => {
            let reason = match stages.iter().try_for_each(|stage| stage(&mut walk)) {
                ControlFlow::Break(reason) => reason,
                ControlFlow::Continue(()) => match flood::to_all_others(&mut walk) {
                    ControlFlow::Break(reason) | ControlFlow::Continue(reason) => reason,
                },
            };
            let port = walk.ingress.id;
            let conversation = mark::write(port, walk.probe);
            walk.probe.converses(conversation);
            logged::write(walk.probe);
            reason
        }
    };
    probe.finish(reason)
}
