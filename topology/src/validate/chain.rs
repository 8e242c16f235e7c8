//! What can be wrong with a chain or a rule by itself.

use std::collections::BTreeSet;

use super::{Findings, Problem};
use crate::chain::{Chain, Condition, FragmentPolicy, NatTarget, PortRange, Rule, RuleAction};

/// Least ethertype; below it the field is an 802.3 frame's length (IEEE 802.3 §3.2.6).
pub const MIN_ETHER_TYPE: u16 = 0x0600;

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
            let field = "action.targets";
            if *reverse {
                let when = "on a reverse rule";
                self.require(targets.is_empty(), field, Problem::MustBeEmpty { when });
            } else {
                self.require(!targets.is_empty(), field, Problem::Empty);
            }
            for target in targets {
                self.nat_target(target);
            }
        }
        self.fragment_policy(rule);
    }

    fn nat_target(&mut self, target: &NatTarget) {
        let (first, last) = (target.first, target.last);
        self.same_family("action.targets", first, last);
        if first.is_ipv4() == last.is_ipv4() {
            self.ordered("action.targets", first, last);
        }
        if let Some(ports) = target.ports {
            self.port_range("action.targets", ports);
            self.range("action.targets", ports.first.into(), 1, u16::MAX.into());
        }
    }

    fn condition(&mut self, condition: &Condition) {
        if let Some(vlan) = condition.vlan {
            self.vlan("condition.vlan", vlan.value, 0);
        }
        if let Some(ether_type) = condition.ether_type {
            let (value, least) = (ether_type.value.into(), MIN_ETHER_TYPE.into());
            self.range("condition.ether_type", value, least, u16::MAX.into());
        }
        if let Some(source) = condition.source {
            self.prefix("condition.source", source.value);
        }
        if let Some(destination) = condition.destination {
            self.prefix("condition.destination", destination.value);
        }
        if let (Some(source), Some(destination)) = (condition.source, condition.destination) {
            let (source, destination) = (source.value.addr(), destination.value.addr());
            self.same_family("condition.source", source, destination);
        }
        if let Some(ports) = condition.source_port {
            self.port_range("condition.source_port", ports.value);
        }
        if let Some(ports) = condition.destination_port {
            self.port_range("condition.destination_port", ports.value);
        }
    }

    /// Of a rule that reads layer 4 ports, as MidoNet's API has it.
    fn fragment_policy(&mut self, rule: &Rule) {
        let policy = rule.condition.fragment_policy;
        let default = FragmentPolicy::default_of(&rule.condition, &rule.action);
        let (allowed, when): (&'static str, _) = match default {
            FragmentPolicy::Unfragmented => (
                "'unfragmented'",
                "in a rule that rewrites ports, or rewrites addresses by them",
            ),
            FragmentPolicy::Header => {
                if policy == FragmentPolicy::Unfragmented {
                    return;
                }
                ("'header' or 'unfragmented'", "in a rule that tests ports")
            }
            FragmentPolicy::Any | FragmentPolicy::Nonheader => return,
        };
        let problem = Problem::Fragments {
            policy,
            allowed,
            when,
        };
        self.require(policy == default, "condition.fragment_policy", problem);
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
