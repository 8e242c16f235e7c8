//! What a rule does, and what no rule of Weft's does.

use serde_json::Value;
use weft_topology::Topology;
use weft_topology::chain::{self, NatDirection, NatVerdict, PortRange, RuleAction};

use super::Problems;
use super::form::{Form, NatTarget};
use crate::http::{ByName, Number};

/// What a rule can be, in `type`.
pub(super) const TYPES: &str =
    "accept, continue, drop, reject, return, jump, dnat, snat, rev_dnat or rev_snat";

/// Types that MidoNet has, and what to do instead.
const OTHER_TYPES: [(&str, &str); 3] = [
    (
        "trace",
        "is not served: weft trace shows a packet's walk, and weft capture its frames",
    ),
    ("redirect", "is not served: there is no service insertion"),
    (
        "l2_transform",
        "is not served: there is no service insertion",
    ),
];

const VERDICTS: [(&str, NatVerdict); 3] = [
    ("accept", NatVerdict::Accept),
    ("continue", NatVerdict::Continue),
    ("return", NatVerdict::Return),
];

impl Form {
    /// The action; `None` when it cannot be told.
    pub(super) fn action(&self, problems: &mut Problems) -> Option<RuleAction> {
        let Some(kind) = &self.kind else {
            problems.add("type", format!("is required: want {TYPES}"));
            return None;
        };
        let nat = |direction, reverse| (RuleAction::Continue, Some((direction, reverse)));
        let (action, nat) = match kind.as_str() {
            "accept" => (RuleAction::Accept, None),
            "continue" => (RuleAction::Continue, None),
            "drop" => (RuleAction::Drop, None),
            "reject" => (RuleAction::Reject, None),
            "return" => (RuleAction::Return, None),
            "jump" => {
                let Some(chain) = self.jump_chain_id else {
                    problems.add("jumpChainId", "is required: a jump names its chain by id");
                    return None;
                };
                let chain = chain.into();
                (RuleAction::Jump { chain }, None)
            }
            "snat" => nat(NatDirection::Source, false),
            "dnat" => nat(NatDirection::Destination, false),
            "rev_snat" => nat(NatDirection::Source, true),
            "rev_dnat" => nat(NatDirection::Destination, true),
            other => {
                let known = OTHER_TYPES.iter().find(|(kind, _)| *kind == other);
                match known {
                    Some((_, instead)) => problems.add("type", format!("'{other}' {instead}")),
                    None => problems.add("type", format!("'{other}' is no type: want {TYPES}")),
                }
                return None;
            }
        };
        if self.jump_chain_id.is_some() && !matches!(action, RuleAction::Jump { .. }) {
            problems.add(
                "jumpChainId",
                format!("must be absent in a rule of type {kind}"),
            );
        }
        let targets = self.targets(problems);
        let Some((direction, reverse)) = nat else {
            if !targets.is_empty() {
                problems.add(
                    "natTargets",
                    format!("must be absent in a rule of type {kind}"),
                );
            }
            if self.flow_action.is_some() {
                problems.add(
                    "flowAction",
                    format!("must be absent in a rule of type {kind}"),
                );
            }
            return Some(action);
        };
        let verdict = self.flow_action.as_deref();
        let then = VERDICTS.iter().find(|(name, _)| Some(*name) == verdict);
        let Some((_, then)) = then else {
            problems.add(
                "flowAction",
                format!("is required in a rule of type {kind}: want accept, continue or return"),
            );
            return None;
        };
        Some(RuleAction::Nat {
            direction,
            targets,
            reverse,
            then: *then,
        })
    }

    fn targets(&self, problems: &mut Problems) -> Vec<chain::NatTarget> {
        let mut targets = Vec::new();
        for (place, ByName(target)) in self.nat_targets.iter().enumerate() {
            let ports = PortRange {
                first: target.port_from.0,
                last: target.port_to.0,
            };
            let none = ports == PortRange { first: 0, last: 0 };
            if !none && ports.first == 0 {
                let message =
                    "a range of ports begins with 1 or more; both ends 0: the packet's own";
                problems.add(&format!("natTargets[{place}].portFrom"), message);
            }
            targets.push(chain::NatTarget {
                first: target.address_from,
                last: target.address_to.unwrap_or(target.address_from),
                ports: (!none).then_some(ports),
            });
        }
        targets
    }

    /// Fills in the action.
    pub(super) fn show_action(&mut self, action: &RuleAction, topology: &Topology) {
        let kind = match action {
            RuleAction::Accept => "accept",
            RuleAction::Continue => "continue",
            RuleAction::Drop => "drop",
            RuleAction::Reject => "reject",
            RuleAction::Return => "return",
            RuleAction::Jump { chain } => {
                self.jump_chain_id = Some(chain.0);
                self.jump_chain_name = topology.chain(*chain).map(|chain| chain.name.clone());
                "jump"
            }
            RuleAction::Nat {
                direction,
                targets,
                reverse,
                then,
            } => {
                let verdict = VERDICTS.iter().find(|(_, verdict)| verdict == then);
                self.flow_action = verdict.map(|(name, _)| (*name).to_owned());
                let shown = targets.iter().map(NatTarget::show);
                self.nat_targets = shown.map(ByName).collect();
                match (direction, reverse) {
                    (NatDirection::Source, false) => "snat",
                    (NatDirection::Source, true) => "rev_snat",
                    (NatDirection::Destination, false) => "dnat",
                    (NatDirection::Destination, true) => "rev_dnat",
                }
            }
        };
        self.kind = Some(kind.to_owned());
    }

    /// Fields that MidoNet has and that would be stored to no effect.
    pub(super) fn refuse_what_is_not_done(&self, problems: &mut Problems) {
        let never_rewritten = "is not served: what earlier rules rewrote is not looked at";
        let no_insertion = "is not served: there is no service insertion";
        for (property, value, message) in [
            (
                "traversedDevice",
                &self.traversed_device,
                "is not served: test the ports that lead from that device, by inPorts or inPortGroup",
            ),
            (
                "icmpDataSrcIpAddress",
                &self.icmp_data_src_ip_address,
                "is not served: matchReturnFlow tells ICMP errors that belong to a connection",
            ),
            (
                "icmpDataDstIpAddress",
                &self.icmp_data_dst_ip_address,
                "is not served: matchReturnFlow tells ICMP errors that belong to a connection",
            ),
            (
                "matchNwDstRewritten",
                &self.match_nw_dst_rewritten,
                never_rewritten,
            ),
            (
                "meterName",
                &self.meter_name,
                "is not served: there are no named meters",
            ),
            (
                "properties",
                &self.properties,
                "is not served: a rule is found again by an id that its client gives",
            ),
            ("popVlan", &self.pop_vlan, no_insertion),
            ("pushVlan", &self.push_vlan, no_insertion),
            ("targetPort", &self.target_port, no_insertion),
            ("targetPortId", &self.target_port_id, no_insertion),
            (
                "requestId",
                &self.request_id,
                "is not served: weft trace shows a packet's walk",
            ),
        ] {
            let asks_for_nothing = match value {
                Value::Null | Value::Bool(false) => true,
                Value::Number(number) => number.as_f64() == Some(0.0),
                Value::String(text) => text.is_empty(),
                Value::Object(fields) => fields.is_empty(),
                _ => false,
            };
            if !asks_for_nothing {
                problems.add(property, message);
            }
        }
    }
}

impl NatTarget {
    fn show(target: &chain::NatTarget) -> Self {
        let ports = target.ports.unwrap_or(PortRange { first: 0, last: 0 });
        Self {
            address_from: target.first,
            address_to: Some(target.last),
            port_from: Number(ports.first),
            port_to: Number(ports.last),
        }
    }
}
