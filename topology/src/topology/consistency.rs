//! What can be wrong between an object and those that it names.

use std::collections::{BTreeMap, BTreeSet};

use super::Topology;
use crate::chain::{Chain, MOST_JUMPS, Rule, RuleAction};
use crate::id::{ChainId, Kind, ObjectId, RuleId};
use crate::object::Object;
use crate::port::Port;
use crate::router::{NextHop, Route};
use crate::validate::{Findings, Problem, Violation};

impl Topology {
    /// Everything that is wrong between an object and others.
    pub(super) fn inconsistencies(&self, object: &Object) -> Vec<Violation> {
        let mut found = Findings::of(object.id());
        for reference in object.references() {
            let exists = self.object(reference.target).is_some();
            found.require(exists, reference.field, Problem::NoSuch(reference.target));
        }
        match object {
            Object::Port(port) => self.port_fits(port, &mut found),
            Object::Route(route) => self.route_fits(route, &mut found),
            Object::Rule(rule) => self.rule_fits(rule, &mut found),
            Object::Chain(chain) => self.chain_fits(chain, &mut found),
            Object::MacEntry(entry) => {
                let port = self.port(entry.port);
                let elsewhere = port.is_some_and(|port| port.bridge() != Some(entry.bridge));
                found.require(!elsewhere, "port", part(entry.port, entry.bridge));
            }
            Object::DhcpHost(host) => {
                if let Some(subnet) = self.dhcp_subnet(host.subnet) {
                    let fits = subnet.bridge == host.bridge;
                    found.require(fits, "bridge", part(host.subnet, host.bridge));
                    found.host_of("addr", host.addr.into(), subnet.prefix.into());
                }
            }
            Object::Dhcp6Host(host) => {
                if let Some(subnet) = self.dhcp6_subnet(host.subnet) {
                    let fits = subnet.bridge == host.bridge;
                    found.require(fits, "bridge", part(host.subnet, host.bridge));
                    found.host_of("addr", host.addr.into(), subnet.prefix.into());
                }
            }
            _ => {}
        }
        found.into_violations()
    }

    fn port_fits(&self, port: &Port, found: &mut Findings) {
        let other_with_key = self
            .ports_with_key(port.tunnel_key)
            .find(|id| *id != port.id);
        if let Some(other) = other_with_key {
            found.add("tunnel_key", Problem::Taken(other.into()));
        }
        if let Some(binding) = &port.binding {
            let other = self.ports_bound_to(binding).find(|id| *id != port.id);
            if let Some(other) = other {
                found.add("binding", Problem::Taken(other.into()));
            }
        }
        if let Some(peer) = port.peer.and_then(|peer| self.port(peer)) {
            let mutual = peer.peer == Some(port.id);
            found.require(mutual, "peer", Problem::OneSided { peer: peer.id });
        }
    }

    fn route_fits(&self, route: &Route, found: &mut Findings) {
        if let NextHop::Port { port: id, .. } = route.next_hop
            && let Some(port) = self.port(id)
        {
            let own = port.router() == Some(route.router);
            found.require(own, "next_hop", part(id, route.router));
        }
    }

    fn chain_fits(&self, chain: &Chain, found: &mut Findings) {
        for id in &chain.rules {
            let rule = self.rule(*id);
            let elsewhere = rule.is_some_and(|rule| rule.chain != chain.id);
            found.require(!elsewhere, "rules", part(*id, chain.id));
        }
        let listed: BTreeSet<RuleId> = chain.rules.iter().copied().collect();
        for object in self.referrers_of_kind(chain.id.into(), Kind::Rule) {
            if let Object::Rule(rule) = object {
                let fits = rule.chain != chain.id || listed.contains(&rule.id);
                found.require(fits, "rules", Problem::Unlisted(rule.id.into()));
            }
        }
    }

    fn rule_fits(&self, rule: &Rule, found: &mut Findings) {
        if let Some(chain) = self.chain(rule.chain) {
            let listed = chain.rules.contains(&rule.id);
            found.require(listed, "chain", part(rule.id, rule.chain));
        }
        let RuleAction::Jump { chain } = rule.action else {
            return;
        };
        if let Some(way) = self.way_back(chain, rule.chain) {
            found.add("action.chain", Problem::JumpCycle(way));
            return;
        }
        let before = longest(rule.chain, &mut BTreeMap::new(), &|chain| {
            self.jumpers_to(chain).collect()
        });
        let after = longest(chain, &mut BTreeMap::new(), &|chain| {
            self.jumps_of(chain).collect()
        });
        let (jumps, most) = (before + 1 + after, MOST_JUMPS);
        let problem = Problem::JumpsTooDeep { jumps, most };
        found.require(jumps <= most, "action.chain", problem);
    }

    /// The chains on a way of jumps between two, both included.
    fn way_back(&self, from: ChainId, to: ChainId) -> Option<Vec<ChainId>> {
        let mut seen = BTreeSet::from([from]);
        let mut ways = vec![vec![from]];
        while let Some(way) = ways.pop() {
            let last = *way.last()?;
            if last == to {
                return Some(way);
            }
            for next in self.jumps_of(last) {
                if seen.insert(next) {
                    let mut longer = way.clone();
                    longer.push(next);
                    ways.push(longer);
                }
            }
        }
        None
    }

    /// The chains that jump to one.
    fn jumpers_to(&self, chain: ChainId) -> impl Iterator<Item = ChainId> {
        let rules = self.referrers_of_kind(chain.into(), Kind::Rule);
        rules.filter_map(move |object| match object {
            Object::Rule(rule) if rule.action == RuleAction::Jump { chain } => Some(rule.chain),
            _ => None,
        })
    }

    fn jumps_of(&self, chain: ChainId) -> impl Iterator<Item = ChainId> {
        let rules = self.chain(chain).into_iter().flat_map(|chain| &chain.rules);
        rules.filter_map(|id| match self.rule(*id)?.action {
            RuleAction::Jump { chain } => Some(chain),
            _ => None,
        })
    }
}

/// How many jumps in a row there are from a chain, at most. Where chains jump in a circle it ends, too.
fn longest(
    from: ChainId,
    known: &mut BTreeMap<ChainId, usize>,
    next: &impl Fn(ChainId) -> Vec<ChainId>,
) -> usize {
    let mut way = vec![(from, next(from))];
    known.insert(from, 0);
    while let Some((chain, left)) = way.last_mut() {
        let chain = *chain;
        if let Some(other) = left.pop() {
            match known.get(&other) {
                Some(&beyond) => raise(known, chain, beyond + 1),
                None => {
                    known.insert(other, 0);
                    way.push((other, next(other)));
                }
            }
            continue;
        }
        way.pop();
        if let Some((before, _)) = way.last() {
            raise(
                known,
                *before,
                known.get(&chain).map_or(1, |jumps| jumps + 1),
            );
        }
    }
    known.get(&from).copied().unwrap_or(0)
}

fn raise(known: &mut BTreeMap<ChainId, usize>, chain: ChainId, to: usize) {
    let jumps = known.entry(chain).or_default();
    *jumps = (*jumps).max(to);
}

fn part(part: impl Into<ObjectId>, whole: impl Into<ObjectId>) -> Problem {
    Problem::NotPartOf {
        part: part.into(),
        whole: whole.into(),
    }
}
