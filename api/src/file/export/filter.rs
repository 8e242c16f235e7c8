//! Chains and groups, as a file says them.

use weft_topology::chain::{
    Condition, FragmentPolicy, NatDirection, NatTarget, NatVerdict, Rule, RuleAction, Test,
};
use weft_topology::id::{AddressGroupId, ChainId, PortGroupId, PortId};
use weft_topology::port::PortSecurity;
use weft_topology::text::{EtherType, Prefix, Protocol};
use weft_topology::{Kind, Object, ObjectId};
use weft_wire::text::Text;
use weft_wire::topology_file::{
    ActionEntry, AddressGroupEntry, ChainEntry, PairEntry, PortGroupEntry, RuleEntry, Tests,
};

use super::Writer;
use crate::file::names::rule_ids;

impl Writer<'_> {
    /// A chain with all its rules, also those that others put there.
    pub(super) fn chain(&self, id: ChainId, key: &str) -> Option<ChainEntry> {
        let chain = self.topology.chain(id)?;
        let (own_id, name) = self.identity(id.into(), key, &chain.name);
        let rules: Vec<&Rule> = chain
            .rules
            .iter()
            .filter_map(|rule| self.topology.rule(*rule))
            .map(|rule| &**rule)
            .collect();
        let derived = rule_ids(id, rules.iter().copied());
        let entries = rules.iter().zip(derived).map(|(rule, derived)| RuleEntry {
            id: (rule.id != derived).then_some(rule.id.0),
            ..self.rule(rule)
        });
        Some(ChainEntry {
            id: own_id,
            name,
            tenant: chain.tenant_id.clone(),
            rule: entries.collect(),
        })
    }

    pub(super) fn port_group(&self, id: PortGroupId, key: &str) -> Option<PortGroupEntry> {
        let group = self.topology.port_group(id)?;
        let (own_id, name) = self.identity(id.into(), key, &group.name);
        Some(PortGroupEntry {
            id: own_id,
            name,
            tenant: group.tenant_id.clone(),
            stateful: group.stateful,
        })
    }

    pub(super) fn address_group(&self, id: AddressGroupId, key: &str) -> Option<AddressGroupEntry> {
        let group = self.topology.address_group(id)?;
        let (own_id, name) = self.identity(id.into(), key, &group.name);
        let members = self
            .topology
            .referrers_of_kind(id.into(), Kind::AddressGroupMember);
        let addresses = members.filter_map(|object| match object {
            Object::AddressGroupMember(member) if self.is_own(object.id()) => {
                Some(Text(Prefix(member.prefix)))
            }
            _ => None,
        });
        let mut addresses: Vec<Text<Prefix>> = addresses.collect();
        addresses.sort_unstable();
        Some(AddressGroupEntry {
            id: own_id,
            name,
            tenant: group.tenant_id.clone(),
            addresses,
        })
    }

    /// A rule without its id.
    fn rule(&self, rule: &Rule) -> RuleEntry {
        let nat = |verb, targets: &[NatTarget], then: NatVerdict| {
            let targets = targets.iter().copied().map(Text).collect();
            let then = (then != NatVerdict::Accept).then_some(then);
            (verb, None, targets, then)
        };
        let plain = |verb| (verb, None, Vec::new(), None);
        let (action, chain, targets, then) = match &rule.action {
            RuleAction::Accept => plain(ActionEntry::Accept),
            RuleAction::Continue => plain(ActionEntry::Continue),
            RuleAction::Drop => plain(ActionEntry::Drop),
            RuleAction::Reject => plain(ActionEntry::Reject),
            RuleAction::Return => plain(ActionEntry::Return),
            RuleAction::Jump { chain } => {
                let chain = self.key((*chain).into());
                (ActionEntry::Jump, Some(chain), Vec::new(), None)
            }
            RuleAction::Nat {
                direction,
                targets,
                reverse,
                then,
            } => {
                let verb = match (direction, reverse) {
                    (NatDirection::Source, false) => ActionEntry::Snat,
                    (NatDirection::Source, true) => ActionEntry::RevSnat,
                    (NatDirection::Destination, false) => ActionEntry::Dnat,
                    (NatDirection::Destination, true) => ActionEntry::RevDnat,
                };
                nat(verb, targets, *then)
            }
        };
        let condition = &rule.condition;
        let default = FragmentPolicy::default_of(condition, &rule.action);
        let fragments = condition.fragment_policy;
        RuleEntry {
            id: None,
            action,
            chain,
            targets,
            then,
            fragments: (fragments != default).then_some(fragments),
            invert: condition.invert,
            log: rule.log.clone(),
            when: Tests {
                original: condition.match_forward_flow,
                reply: condition.match_return_flow,
                ..self.tests(condition, false)
            },
            not: self.tests(condition, true),
        }
    }

    /// The tests that are inverted, or those that are not.
    fn tests(&self, of: &Condition, inverted: bool) -> Tests {
        let name = |id: ObjectId| self.key(id);
        let ports = |test: &Option<Test<std::collections::BTreeSet<PortId>>>| {
            let test = test.as_ref().filter(|test| test.invert == inverted);
            let ports = test.map(|test| test.value.iter().map(|port| self.port_of_test(*port)));
            ports.map(Iterator::collect).unwrap_or_default()
        };
        Tests {
            original: false,
            reply: false,
            in_ports: ports(&of.in_ports),
            out_ports: ports(&of.out_ports),
            port_group: side(of.port_group, inverted, |id| name(id.into())),
            in_port_group: side(of.in_port_group, inverted, |id| name(id.into())),
            out_port_group: side(of.out_port_group, inverted, |id| name(id.into())),
            source_group: side(of.source_group, inverted, |id| name(id.into())),
            destination_group: side(of.destination_group, inverted, |id| name(id.into())),
            ether_type: side(of.ether_type, inverted, |value| Text(EtherType(value))),
            mac_source: side(of.mac_source, inverted, Text),
            mac_destination: side(of.mac_destination, inverted, Text),
            vlan: side(of.vlan, inverted, |value| value),
            protocol: side(of.protocol, inverted, |value| Text(Protocol(value))),
            tos: side(of.tos, inverted, |value| value),
            source: side(of.source, inverted, |value| Text(Prefix(value))),
            destination: side(of.destination, inverted, |value| Text(Prefix(value))),
            source_port: side(of.source_port, inverted, Text),
            destination_port: side(of.destination_port, inverted, Text),
        }
    }

    /// A port of this file by its place, any other by its id.
    fn port_of_test(&self, id: PortId) -> String {
        match self.place(id).filter(|_| self.is_own(id.into())) {
            Some((bridge, port)) => format!("{bridge}/{port}"),
            None => id.to_string(),
        }
    }
}

/// A test's value, if it is on this side.
fn side<T, U>(test: Option<Test<T>>, inverted: bool, value: impl FnOnce(T) -> U) -> Option<U> {
    test.filter(|test| test.invert == inverted)
        .map(|test| value(test.value))
}

pub(super) fn security(security: &PortSecurity) -> Vec<PairEntry> {
    let pairs = security.pairs.iter().map(|pair| PairEntry {
        mac: pair.mac,
        prefix: Text(Prefix(pair.prefix)),
    });
    pairs.collect()
}
