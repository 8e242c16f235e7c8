//! What can be wrong with a chain or a rule by itself.

use std::collections::BTreeSet;

use super::{Findings, Problem};
use crate::chain::{Chain, Condition, NatTarget, PortRange, Rule, RuleAction};

impl Findings {
    pub(super) fn chain(&mut self, chain: &Chain) {
        let mut seen = BTreeSet::new();
        for rule in &chain.rules {
            self.require(seen.insert(rule), "rules", Problem::Twice((*rule).into()));
        }
    }

    pub(super) fn rule(&mut self, rule: &Rule) {
        self.condition(&rule.condition);
        if let RuleAction::Nat {
            targets, reverse, ..
        } = &rule.action
        {
            if *reverse {
                let when = "on a reverse rule";
                self.require(targets.is_empty(), "action", Problem::MustBeEmpty { when });
            } else {
                self.require(!targets.is_empty(), "action", Problem::Empty);
            }
            for target in targets {
                self.nat_target(target);
            }
        }
    }

    fn nat_target(&mut self, target: &NatTarget) {
        let (first, last) = (target.first, target.last);
        self.same_family("action", first, last);
        if first.is_ipv4() == last.is_ipv4() {
            self.ordered("action", first, last);
        }
        if let Some(ports) = target.ports {
            self.port_range("action", ports);
        }
    }

    fn condition(&mut self, condition: &Condition) {
        if let Some(vlan) = condition.vlan {
            self.vlan("condition", vlan.value, 0);
        }
        for prefix in [condition.source, condition.destination]
            .into_iter()
            .flatten()
        {
            self.prefix("condition", prefix.value);
        }
        if let (Some(source), Some(destination)) = (condition.source, condition.destination) {
            self.same_family("condition", source.value.addr(), destination.value.addr());
        }
        let ranges = [condition.source_port, condition.destination_port];
        for range in ranges.into_iter().flatten() {
            self.port_range("condition", range.value);
        }
    }

    fn port_range(&mut self, field: &'static str, range: PortRange) {
        self.ordered(field, range.first, range.last);
    }

    fn ordered<T: Ord + ToString>(&mut self, field: &'static str, first: T, last: T) {
        let problem = Problem::Reversed {
            first: first.to_string(),
            last: last.to_string(),
        };
        self.require(first <= last, field, problem);
    }
}
