//! A file's rule.

use std::collections::BTreeSet;

use uuid::Uuid;
use weft_topology::Kind;
use weft_topology::chain::{
    Condition, FragmentPolicy, NatDirection, NatTarget, NatVerdict, Rule, RuleAction, Test,
};
use weft_topology::id::{ChainId, PortId, RuleId};
use weft_topology::text::{EtherType, Prefix, Protocol};
use weft_wire::text::Text;
use weft_wire::topology_file::{ActionEntry, RuleEntry};

use super::Reader;

impl<'f> Reader<'f> {
    /// The rule that an entry asks for, its id aside; `None` when it cannot be told.
    pub(super) fn rule(&mut self, path: &str, chain: ChainId, entry: &RuleEntry) -> Option<Rule> {
        let action = self.action(path, entry);
        let mut condition = self.condition(path, entry);
        let action = action?;
        condition.fragment_policy = entry
            .fragments
            .unwrap_or_else(|| FragmentPolicy::default_of(&condition, &action));
        Some(Rule {
            id: RuleId(Uuid::nil()),
            chain,
            condition,
            action,
            log: entry.log.clone(),
        })
    }

    fn action(&mut self, path: &str, entry: &RuleEntry) -> Option<RuleAction> {
        let plain = |action| (action, None);
        let nat = |direction, reverse| (RuleAction::Continue, Some((direction, reverse)));
        let (action, nat) = match entry.action {
            ActionEntry::Accept => plain(RuleAction::Accept),
            ActionEntry::Continue => plain(RuleAction::Continue),
            ActionEntry::Drop => plain(RuleAction::Drop),
            ActionEntry::Reject => plain(RuleAction::Reject),
            ActionEntry::Return => plain(RuleAction::Return),
            ActionEntry::Jump => {
                let Some(name) = &entry.chain else {
                    self.wrong(&format!("{path}.chain"), "a jump names the chain to go to");
                    return None;
                };
                let chain = self.named(Kind::Chain, name, &format!("{path}.chain"))?;
                plain(RuleAction::Jump { chain })
            }
            ActionEntry::Snat => nat(NatDirection::Source, false),
            ActionEntry::Dnat => nat(NatDirection::Destination, false),
            ActionEntry::RevSnat => nat(NatDirection::Source, true),
            ActionEntry::RevDnat => nat(NatDirection::Destination, true),
        };
        if entry.chain.is_some() && entry.action != ActionEntry::Jump {
            self.wrong(&format!("{path}.chain"), "only a jump goes to a chain");
        }
        let targets: Vec<NatTarget> = entry.targets.iter().map(|Text(target)| *target).collect();
        let Some((direction, reverse)) = nat else {
            if !targets.is_empty() {
                self.wrong(&format!("{path}.targets"), "only a translation has targets");
            }
            if entry.then.is_some() {
                self.wrong(
                    &format!("{path}.then"),
                    "only a translation says what comes then",
                );
            }
            return Some(action);
        };
        Some(RuleAction::Nat {
            direction,
            targets,
            reverse,
            then: entry.then.unwrap_or(NatVerdict::Accept),
        })
    }

    fn condition(&mut self, path: &str, entry: &RuleEntry) -> Condition {
        let (when, not) = (&entry.when, &entry.not);
        for (flow, is_inverted) in [("original", not.original), ("reply", not.reply)] {
            if is_inverted {
                let message = "stands in when alone; use the other one of original and reply";
                self.wrong(&format!("{path}.not.{flow}"), message);
            }
        }
        Condition {
            invert: entry.invert,
            match_forward_flow: when.original,
            match_return_flow: when.reply,
            in_ports: self.ports(path, "in_ports", [&when.in_ports, &not.in_ports]),
            out_ports: self.ports(path, "out_ports", [&when.out_ports, &not.out_ports]),
            port_group: self.group(
                Kind::PortGroup,
                path,
                "port_group",
                [&when.port_group, &not.port_group],
            ),
            in_port_group: self.group(
                Kind::PortGroup,
                path,
                "in_port_group",
                [&when.in_port_group, &not.in_port_group],
            ),
            out_port_group: self.group(
                Kind::PortGroup,
                path,
                "out_port_group",
                [&when.out_port_group, &not.out_port_group],
            ),
            source_group: self.group(
                Kind::AddressGroup,
                path,
                "source_group",
                [&when.source_group, &not.source_group],
            ),
            destination_group: self.group(
                Kind::AddressGroup,
                path,
                "destination_group",
                [&when.destination_group, &not.destination_group],
            ),
            ether_type: self.test(
                path,
                "ether_type",
                [when.ether_type, not.ether_type],
                |Text(EtherType(value))| value,
            ),
            mac_source: self.test(
                path,
                "mac_source",
                [when.mac_source, not.mac_source],
                |Text(value)| value,
            ),
            mac_destination: self.test(
                path,
                "mac_destination",
                [when.mac_destination, not.mac_destination],
                |Text(value)| value,
            ),
            vlan: self.test(path, "vlan", [when.vlan, not.vlan], |value| value),
            protocol: self.test(
                path,
                "protocol",
                [when.protocol, not.protocol],
                |Text(Protocol(value))| value,
            ),
            tos: self.test(path, "tos", [when.tos, not.tos], |value| value),
            source: self.test(
                path,
                "source",
                [when.source, not.source],
                |Text(Prefix(value))| value,
            ),
            destination: self.test(
                path,
                "destination",
                [when.destination, not.destination],
                |Text(Prefix(value))| value,
            ),
            source_port: self.test(
                path,
                "source_port",
                [when.source_port, not.source_port],
                |Text(value)| value,
            ),
            destination_port: self.test(
                path,
                "destination_port",
                [when.destination_port, not.destination_port],
                |Text(value)| value,
            ),
            fragment_policy: FragmentPolicy::Any,
        }
    }

    /// A test that stands in `when`, or inverted in `not`.
    fn test<T, U>(
        &mut self,
        path: &str,
        field: &str,
        [when, not]: [Option<T>; 2],
        value: impl FnOnce(T) -> U,
    ) -> Option<Test<U>> {
        let invert = not.is_some();
        if when.is_some() && invert {
            let message = "stands in when, too: a rule tests it once";
            self.wrong(&format!("{path}.not.{field}"), message);
        }
        let given = when.or(not)?;
        Some(Test {
            value: value(given),
            invert,
        })
    }

    fn group<I: From<Uuid>>(
        &mut self,
        kind: Kind,
        path: &str,
        field: &str,
        sides: [&Option<String>; 2],
    ) -> Option<Test<I>> {
        let sides = sides.map(Option::as_ref);
        let Test { value, invert } = self.test(path, field, sides, |name| name)?;
        let side = if invert { "not" } else { "when" };
        let value = self.named(kind, value, &format!("{path}.{side}.{field}"))?;
        Some(Test { value, invert })
    }

    /// A test of ports. Those of other devices and those that are gone match nothing, and may be named.
    fn ports(
        &mut self,
        path: &str,
        field: &str,
        sides: [&Vec<String>; 2],
    ) -> Option<Test<BTreeSet<PortId>>> {
        let sides = sides.map(|names| (!names.is_empty()).then_some(names));
        let Test { value, invert } = self.test(path, field, sides, |names| names)?;
        let side = if invert { "not" } else { "when" };
        let mut ports = BTreeSet::new();
        for (place, name) in value.iter().enumerate() {
            match self.peer_named(name).or_else(|| name.parse().ok()) {
                Some(port) => drop(ports.insert(port)),
                None => {
                    let message = format!(
                        "this file has no port '{name}': want BRIDGE/PORT, as the file calls them, or an id"
                    );
                    self.wrong(&format!("{path}.{side}.{field}[{place}]"), message);
                }
            }
        }
        Some(Test {
            value: ports,
            invert,
        })
    }
}
