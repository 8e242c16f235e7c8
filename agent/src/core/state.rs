//! What the agent says of itself: to the service, to the control socket.

use std::collections::BTreeMap;

use weft_topology::id::PortId;
use weft_wire::control::{BindingInfo, Status};
use weft_wire::host::{BindingPhase, BindingState, StateReport};

use super::{Core, CoreMeasures};
use crate::bindings::phase;

impl Core {
    /// What is on the host.
    pub(super) fn report(&self) -> StateReport {
        let bindings = self.bindings().into_iter();
        StateReport {
            revision: self.frontier.in_force(),
            bindings: bindings
                .map(|binding| BindingState {
                    port: binding.port,
                    interface: binding.interface,
                    phase: binding.state,
                    problem: binding.problem,
                })
                .collect(),
            interfaces: self.links.report(),
        }
    }

    /// The bindings of this host: those that are wanted, and plugs that the service has not granted.
    pub(super) fn bindings(&self) -> Vec<BindingInfo> {
        let carried = self.carrier.carried();
        let wanted = self.desired.iter().map(|(&port, want)| {
            let problem = self.carrier.problem(port).map(str::to_owned);
            BindingInfo {
                interface: want.interface.clone(),
                port,
                state: phase(port, want, &self.links, carried, problem.is_some()),
                number: carried.get(&port).map(|is| is.number),
                problem,
            }
        });
        let mut all: BTreeMap<(String, PortId), BindingInfo> = wanted
            .map(|info| ((info.interface.clone(), info.port), info))
            .collect();
        for (interface, wish) in self.wishes.plugs() {
            let key = (interface.clone(), wish.port);
            all.entry(key).or_insert_with(|| BindingInfo {
                interface: interface.clone(),
                port: wish.port,
                state: match wish.refused {
                    Some(_) => BindingPhase::Failed,
                    None => BindingPhase::Requested,
                },
                number: None,
                problem: wish.refused.clone().or_else(|| {
                    self.is_away()
                        .then(|| "the topology service is away".to_owned())
                }),
            });
        }
        all.into_values().collect()
    }

    pub(super) fn measure(&self) -> CoreMeasures {
        CoreMeasures {
            status: self.status(),
            bindings: self.bindings(),
            starts: self.keeper.starts(),
            inbox: self.inbox.len(),
            settle: self.settled.read(),
            repairs: self.repairs,
        }
    }

    pub(super) fn status(&self) -> Status {
        let bindings = self.bindings();
        let count = |phase| bindings.iter().filter(|info| info.state == phase).count();
        let active = count(BindingPhase::Active);
        // A machine that is shut off has no tap, and nothing is amiss.
        let pending = bindings.len() - active - count(BindingPhase::WaitingForInterface);
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host_id: self.identity.id.to_string(),
            host_name: self.identity.name.clone(),
            datapath: self.datapath_name.clone(),
            uptime_seconds: self.began.elapsed().as_secs(),
            api: self.heard.url.clone(),
            api_silence_seconds: self.heard.last.map(|last| last.elapsed().as_secs()),
            revision: self.builder.snapshot().epoch().revision,
            revision_in_force: self.frontier.in_force(),
            established: self.builder.snapshot().established(),
            bindings_active: active,
            bindings_pending: pending,
            flows: self.hot.flow_count(),
            counters: self.hot.counters(),
        }
    }
}
