//! Flows that enter no connection and would lose what they carry.
//!
//! A flow is wider than a packet. It is judged by the packet that made it; where rules would then read more than the
//! flow tells apart, what is said holds for some of its packets.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::time::Duration;

use weft_flow::{Action, Field, FlowKey, FlowMask, Ufid};
use weft_ovs::DumpedFlow;
use weft_topology::Snapshot;
use weft_wire::impact::{Extent, Impact, LostFlow};

use super::connections::outputs;
use super::words::{accepting, denial};
use super::{ATTEMPT, Look};
use crate::flows::table::Flow;
use crate::hot::HotError;
use crate::worker::passes::Answer;
use crate::worker::pool::Workers;
use crate::worker::words::describe;

/// A flow of the kernel with the key of the packet that made it.
pub(super) struct Stateless {
    found: DumpedFlow,
    key: FlowKey,
    mask: FlowMask,
}

/// Whether a flow forwards, in one pass and without connections.
fn is_stateless(flow: &Flow) -> bool {
    let sends = |action: &Action| matches!(action, Action::Output(_));
    let tracks = |action: &Action| matches!(action, Action::Ct(_));
    flow.key.u32(Field::RecircId).unwrap_or(0) == 0
        && flow.actions.iter().any(sends)
        && !flow.actions.iter().any(tracks)
}

impl Workers {
    /// The flows of this kind that a packet has met within that time.
    pub(super) fn stateless_flows(&self, recent: Duration) -> Result<Vec<Stateless>, HotError> {
        let mut known: HashMap<Ufid, (FlowKey, FlowMask)> = HashMap::new();
        for of in self.ask_all(ATTEMPT, |worker| {
            let flows = worker.table.iter().filter(|(_, flow)| is_stateless(flow));
            flows
                .map(|(ufid, flow)| (ufid, (flow.key.clone(), flow.mask.clone())))
                .collect::<Vec<_>>()
        })? {
            known.extend(of);
        }
        let mut flows = Vec::new();
        self.control().flows(&mut |found| {
            let Some(found) = found.ok() else { return };
            let is_recent = found.stats.idle.is_some_and(|idle| idle <= recent);
            let made_by = found.ufid.and_then(|ufid| known.remove(&ufid));
            if let Some((key, mask)) = made_by.filter(|_| is_recent) {
                flows.push(Stateless { found, key, mask });
            }
        })?;
        Ok(flows)
    }
}

impl Look<'_> {
    /// Visits those of these flows that would leave by fewer ports.
    pub(super) fn flows(
        &mut self,
        flows: Vec<Stateless>,
        each: &mut dyn FnMut(Impact) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for flow in flows {
            self.result.flows += 1;
            if let Some(lost) = self.lost_flow(&flow) {
                each(Impact::Flow(lost))?;
            }
        }
        ControlFlow::Continue(())
    }

    fn lost_flow(&mut self, flow: &Stateless) -> Option<LostFlow> {
        let mut steps = Vec::new();
        let then = self
            .then()
            .packet(flow.key.clone(), (Answer::New, 0), Some(&mut steps))?;
        if !then.missing.is_empty() {
            self.result.undecided += 1;
            return None;
        }
        let denied_by = denial(&then, &steps, self.then);
        let now = self
            .now()
            .packet(flow.key.clone(), (Answer::New, 0), Some(&mut steps))?;
        let left: BTreeSet<u32> = outputs(&then).collect();
        let lost: Vec<String> = outputs(&now)
            .filter(|number| !left.contains(number))
            .map(|number| interface(number, self.now))
            .collect();
        if lost.is_empty() {
            return None;
        }
        let shown = describe(&flow.found, self.now, &HashMap::new());
        let local = shown.in_port.and_then(|port| self.now.local_by_port(port));
        Some(LostFlow {
            ufid: shown.ufid,
            summary: shown.summary,
            vif: shown.in_port,
            interface: local.map(|local| local.interface.clone()),
            packets: shown.packets,
            idle_ms: shown.idle_ms,
            lost,
            extent: match flow.mask.covers(&then.mask) {
                true => Extent::All,
                false => Extent::Some,
            },
            allowed_by: accepting(&steps, self.now),
            denied_by,
        })
    }
}

fn interface(number: u32, snapshot: &Snapshot) -> String {
    let local = snapshot.local_by_number(number);
    local.map_or_else(|| number.to_string(), |local| local.interface.clone())
}
