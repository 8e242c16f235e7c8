//! What the workers count.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use weft_flowsim::Reason;
use weft_observe::metrics::{Family, Kind};
use weft_topology::id::PortId;

/// So many pairs of port and reason are kept apart.
pub(super) const MOST_DROPS: usize = 4_096;

/// Why a packet got lost in the agent itself, beside the reasons of a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lost {
    /// The port has more packets for a local service than it may.
    PuntLimit,
    /// The objects that decide did not arrive in time.
    ParkedTooLong,
    /// No room to keep the packet until the objects that decide arrive.
    ParkingFull,
    /// The simulation failed: a defect of this program.
    SimulationFailed,
    /// The upcall is not what the kernel's headers say.
    BadUpcall,
    /// The kernel did not send the packet on.
    NotExecuted,
    /// A flow of an earlier run dropped it, for a reason that this run does not know: the flow is none of
    /// a drop any more.
    EarlierRun,
}

impl Lost {
    /// The name that counters and `weft show drops` use.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Lost::PuntLimit => "punt-limit",
            Lost::ParkedTooLong => "parked-too-long",
            Lost::ParkingFull => "parking-full",
            Lost::SimulationFailed => "simulation-failed",
            Lost::BadUpcall => "bad-upcall",
            Lost::NotExecuted => "not-executed",
            Lost::EarlierRun => "earlier-run",
        }
    }

    /// The same in words.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Lost::PuntLimit => {
                "more for a local service than limits.punts_per_port lets a port bring"
            }
            Lost::ParkedTooLong => "the topology service did not say in time what decides about it",
            Lost::ParkingFull => {
                "no room to keep it until the topology service says what decides about it"
            }
            Lost::SimulationFailed => "a defect of the agent: its log says more",
            Lost::BadUpcall => "the kernel brought it up in a form that the agent does not know",
            Lost::NotExecuted => "the kernel did not send it on",
            Lost::EarlierRun => "dropped before the agent was started, for a reason that is gone",
        }
    }
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $variant:ident => $name:literal,)*) => {
        /// What is counted, for the whole worker.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Counter {
            $($(#[doc = $doc])+ $variant,)*
        }

        /// The counters as metrics, in the order of [`Counter::ALL`].
        pub(crate) static FAMILIES: &[Family] = &[$(Family {
            name: concat!("weft_", $name, "_total"),
            kind: Kind::Counter,
            labels: &[],
            help: concat!($($doc),+),
        }),*];

        impl Counter {
            /// Every counter.
            pub(super) const ALL: &'static [Counter] = &[$(Counter::$variant),*];

            /// The name in status and metrics.
            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Counter::$variant => $name,)*
                }
            }
        }
    };
}

counters! {
    /// Packets that no flow matched.
    Misses => "misses",
    /// Packets for a local service.
    Punts => "punts",
    /// Times that a port's upcall socket overflowed; each lost one upcall at least.
    Overflows => "upcall_overflows",
    /// Frames that a local service sent.
    Answers => "answers",
    /// Messages that a local service took and said nothing to.
    Unanswered => "unanswered",
    /// Flows put.
    FlowsPut => "flows_put",
    /// Flows whose actions were replaced.
    FlowsChanged => "flows_changed",
    /// Flows deleted: idle, over quota, or no longer right.
    FlowsDeleted => "flows_deleted",
    /// Flows deleted because their port had too many.
    FlowsEvicted => "flows_evicted",
    /// Flows of an earlier run that were kept.
    FlowsAdopted => "flows_adopted",
    /// Flows that the kernel did not take.
    FlowsRefused => "flows_refused",
    /// Flows that vanished from the kernel without this program's doing.
    FlowsVanished => "flows_vanished",
    /// Flows of the kernel that were simulated again in the background.
    AuditChecked => "audit_checked",
    /// Flows of the kernel that did not do what the simulation says: somebody changed them, or this program has a defect.
    AuditDisagreed => "audit_disagreed",
    /// Flows that disagreed and were put right or deleted, as the kernel then confirmed.
    AuditRepaired => "audit_repaired",
    /// Flows on this program's ports that it had not put; kept if they are right, else deleted.
    AuditUnknown => "audit_unknown",
    /// Flows judged again.
    Rechecks => "rechecks",
    /// Packets kept until objects arrive.
    Parked => "parked",
    /// MACs not learned because their port has too many.
    MacsRefused => "macs_refused",
    /// Packets whose copies rules logged.
    RulesLogged => "rules_logged",
    /// Packets that rules did not log, because their port had brought too many.
    RulesNotLogged => "rules_not_logged",
    /// Connections judged again because a change may concern them.
    ConnectionsJudged => "connections_judged",
    /// Connections cut because a change denies what let them begin.
    ConnectionsCut => "connections_cut",
    /// Connections that were not judged after a change, because whose they are is not known.
    ConnectionsUnknown => "connections_unknown",
}

/// The workers' counters, all of them only growing. Anybody may read them at any time.
#[derive(Debug, Default)]
pub(super) struct Counters([AtomicU64; Counter::ALL.len()]);

/// One worker's counts.
#[derive(Debug)]
pub(super) struct Tally {
    counters: Arc<Counters>,
    drops: HashMap<(Option<PortId>, &'static str), u64>,
}

impl Counters {
    /// The counters by name.
    pub(super) fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let values = self.0.iter().map(|value| value.load(Ordering::Relaxed));
        Counter::ALL
            .iter()
            .map(|counter| counter.name())
            .zip(values)
    }

    /// Counts.
    pub(super) fn add(&self, counter: Counter, by: u64) {
        if let Some(value) = self.0.get(counter as usize) {
            value.fetch_add(by, Ordering::Relaxed);
        }
    }

    /// The counters as metrics, to one of which something is added that is counted elsewhere.
    pub(super) fn measured(&self, to: Counter, more: u64) -> Vec<(&'static Family, u64)> {
        let values = Counter::ALL.iter().zip(&self.0).map(|(&counter, value)| {
            let value = value.load(Ordering::Relaxed);
            if counter == to { value + more } else { value }
        });
        FAMILIES.iter().zip(values).collect()
    }
}

impl Tally {
    /// Counts into counters that others count into, too.
    pub(super) fn new(counters: Arc<Counters>) -> Self {
        Self {
            counters,
            drops: HashMap::new(),
        }
    }

    /// Counts one.
    pub(super) fn count(&mut self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Counts several.
    pub(super) fn add(&mut self, counter: Counter, by: u64) {
        self.counters.add(counter, by);
    }

    /// Counts packets that a verdict drops.
    pub(super) fn dropped(&mut self, port: Option<PortId>, reason: Reason, packets: u64) {
        if packets > 0 {
            *self.drops.entry((port, reason.name())).or_default() += packets;
        }
    }

    /// Counts a packet that the agent itself lost.
    pub(super) fn lost(&mut self, port: Option<PortId>, lost: Lost) {
        self.lost_many(port, lost, 1);
    }

    /// Counts several.
    pub(super) fn lost_many(&mut self, port: Option<PortId>, lost: Lost, packets: u64) {
        if packets > 0 {
            *self.drops.entry((port, lost.name())).or_default() += packets;
        }
    }

    /// A port is let go. Its drops stay, unless very many ports have come and gone: then they become
    /// those of no port, so that memory is bounded.
    pub(super) fn port_gone(&mut self, port: PortId) {
        if self.drops.len() < MOST_DROPS {
            return;
        }
        let of = self.drops.extract_if(|(of, _), _| *of == Some(port));
        let gone: Vec<_> = of.collect();
        for ((_, reason), packets) in gone {
            *self.drops.entry((None, reason)).or_default() += packets;
        }
    }

    /// Dropped packets by port and reason.
    pub(super) fn drops(&self) -> impl Iterator<Item = (Option<PortId>, &'static str, u64)> + '_ {
        self.drops
            .iter()
            .map(|(&(port, reason), &packets)| (port, reason, packets))
    }
}
