//! Why a port's packets were dropped: what the workers remember ([`super::history`]), with the counts of flows as
//! they are now, told in words by the topology as it is now.

use weft_flow::Ufid;
use weft_flow::text::Packet;
use weft_flowsim::{PuntClass, Reason, Time};
use weft_topology::chain::Rule;
use weft_topology::id::{PortId, RuleId};
use weft_topology::port::Port;
use weft_topology::{Known, Snapshot};
use weft_wire::why::{DropStory, RulePlace, WhyResult};

use super::history::{Dropped, Way, Why};
use super::pool::Workers;
use super::query::with_name;
use super::run::Worker;
use crate::hot::HotError;

/// So many flows of a port are asked how much they have dropped by now.
const MOST_FLOWS: usize = 512;

impl Workers {
    /// The last drops of a port, the last first.
    pub(super) fn explain(&self, port: PortId) -> Result<WhyResult, HotError> {
        let snapshot = self.shared.snapshot();
        let now = self.shared.now();
        let parts = self.ask_all("explain drops", move |worker| worker.why(port))?;
        let mut all: Vec<(Way, Dropped)> = Vec::new();
        for (way, new) in parts.into_iter().flatten() {
            let same = |(of, it): &&mut (Way, Dropped)| {
                *of == way && it.why == new.why && it.other == new.other && it.key == new.key
            };
            match all.iter_mut().find(same) {
                Some((_, known)) => {
                    known.packets += new.packets;
                    known.last = known.last.max(new.last);
                }
                None => all.push((way, new)),
            }
        }
        all.sort_by_key(|(_, dropped)| std::cmp::Reverse(dropped.last));
        let stories = all
            .iter()
            .map(|(way, dropped)| story(*way, dropped, now, &snapshot));
        let metered = self.metered(|meters| {
            let drops = meters.drops().filter(|(of, ..)| *of == Some(port));
            drops
                .map(|(_, name, packets)| metered(name, packets))
                .collect::<Vec<_>>()
        });
        let local = snapshot.local_by_port(port);
        Ok(WhyResult {
            port,
            is_here: local.is_some(),
            interface: local.map(|local| local.interface.clone()),
            problem: problem(port, &snapshot),
            drops: stories.chain(metered).collect(),
        })
    }
}

impl Worker {
    /// What this worker remembers of a port.
    fn why(&mut self, port: PortId) -> Vec<(Way, Dropped)> {
        let number = self.snapshot.local_by_port(port).map(|local| local.number);
        let concerned = self.table.iter().filter(|(_, flow)| {
            let is_its = number.is_some() && flow.in_port() == number && flow.drops();
            is_its || flow.held.iter().any(|held| held.port == port)
        });
        let concerned: Vec<Ufid> = concerned.map(|(ufid, _)| ufid).take(MOST_FLOWS).collect();
        for ufid in concerned {
            if let Ok(Some(flow)) = self.datapath.flow(ufid) {
                self.refresh(ufid, flow.stats);
            }
        }
        self.history.of(port)
    }
}

fn story(way: Way, dropped: &Dropped, now: Time, snapshot: &Snapshot) -> DropStory {
    let (reason, words, rule) = match dropped.why {
        Why::Verdict(reason) => (
            reason.name(),
            with_name(reason, snapshot),
            rule_of(reason).and_then(|rule| place_of(rule, snapshot)),
        ),
        Why::Lost(lost) => (lost.name(), lost.words().to_owned(), None),
    };
    DropStory {
        way: match way {
            Way::From => weft_wire::why::Way::From,
            Way::To => weft_wire::why::Way::To,
        },
        packets: dropped.packets,
        ago_ms: Some(now.0.saturating_sub(dropped.last.0)),
        packet: Some(Packet(&dropped.key).to_string()),
        reason: reason.to_owned(),
        words,
        rule,
        other: dropped.other,
    }
}

/// What a meter has dropped never came up, so no packet of it is known.
fn metered(name: &str, packets: u64) -> DropStory {
    let words = match PuntClass::ALL
        .iter()
        .find(|class| name.strip_prefix("meter-") == Some(class.name()))
    {
        Some(class) => format!(
            "more for {} than limits.punts_per_port lets a port bring",
            class.name()
        ),
        None => "more fragments than limits.fragments_per_port lets a port bring".to_owned(),
    };
    DropStory {
        way: weft_wire::why::Way::From,
        packets,
        ago_ms: None,
        packet: None,
        reason: name.to_owned(),
        words,
        rule: None,
        other: None,
    }
}

fn rule_of(reason: Reason) -> Option<RuleId> {
    match reason {
        Reason::Filtered(rule) | Reason::Rejected(rule) => Some(rule),
        _ => None,
    }
}

/// Where a rule stands, if it is still there.
fn place_of(id: RuleId, snapshot: &Snapshot) -> Option<RulePlace> {
    let rule: &Rule = snapshot.rule(id).here()?;
    let chain = snapshot.chain(rule.chain).here()?;
    let at = chain.rules.iter().position(|it| *it == id)?;
    Some(RulePlace {
        id,
        place: at + 1,
        chain: chain.id,
        chain_name: chain.name.clone(),
        tenant: chain.tenant_id.clone(),
    })
}

/// What keeps a port from working, as far as this host knows.
fn problem(id: PortId, snapshot: &Snapshot) -> Option<String> {
    let port: &Port = match snapshot.port(id) {
        Known::Here(port) => port,
        Known::Absent => return Some("the topology has no such port".to_owned()),
        Known::NotLoaded => return Some("this host has nothing to do with it".to_owned()),
    };
    if !port.admin_state_up {
        return Some("it is administratively down".to_owned());
    }
    if let Some(bridge) = port
        .bridge()
        .and_then(|bridge| snapshot.bridge(bridge).here())
        && !bridge.admin_state_up
    {
        return Some(format!(
            "its bridge {} ({}) is administratively down",
            bridge.id, bridge.name
        ));
    }
    if snapshot.local_by_port(id).is_some() {
        return None;
    }
    Some(match &port.binding {
        None => "it is not bound to any host".to_owned(),
        Some(binding) => {
            let host = snapshot.host(binding.host).here();
            let name = host.map_or_else(|| binding.host.to_string(), |host| host.name.clone());
            format!(
                "it is bound to interface {} of host {name}",
                binding.interface
            )
        }
    })
}
