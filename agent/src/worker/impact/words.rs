//! What is said of rules and reasons.

use weft_flow::present::protocol;
use weft_flowsim::{Outcome, Step, What};
use weft_ovs::conntrack::TcpState;
use weft_topology::chain::{Rule, RuleAction};
use weft_topology::id::{PortId, RuleId};
use weft_topology::{Known, Object, ObjectId, Snapshot};
use weft_wire::impact::{Denial, RuleInfo};

use crate::worker::query::with_name;

/// The rules on a walk that accept.
pub(super) fn accepting(steps: &[Step], snapshot: &Snapshot) -> Vec<RuleInfo> {
    let matched = steps.iter().filter_map(|step| matched(step, snapshot));
    let accepting = matched.filter(|rule| rule.action == RuleAction::Accept);
    accepting.map(|rule| rule_info(rule, snapshot)).collect()
}

/// Why a packet does not pass, or not everywhere.
pub(super) fn denial(outcome: &Outcome, steps: &[Step], snapshot: &Snapshot) -> Denial {
    let rule = match outcome.reason.object() {
        Some(object) if object.kind == weft_topology::Kind::Rule => {
            snapshot.rule(RuleId(object.id)).here().map(AsRef::as_ref)
        }
        _ => holding(steps, snapshot),
    };
    Denial {
        reason: outcome.reason.name().to_owned(),
        words: with_name(outcome.reason, snapshot),
        rule: rule.map(|rule| rule_info(rule, snapshot)),
    }
}

/// That a port goes from this host.
pub(super) fn port_gone(port: PortId, then: &Snapshot) -> Denial {
    let words = match then.port(port) {
        Known::Here(_) => format!("port {port} is bound to another interface"),
        Known::Absent | Known::NotLoaded => format!("port {port} is removed"),
    };
    Denial {
        reason: "port-gone".to_owned(),
        words,
        rule: None,
    }
}

/// Of a packet that leaves by several ports: the rule that keeps it from leaving by the first that it does not leave by.
fn holding<'s>(steps: &[Step], snapshot: &'s Snapshot) -> Option<&'s Rule> {
    let held = steps.iter().position(|step| step.what == What::HeldBack)?;
    let before = steps.get(..held)?.iter().rev();
    let mut rules = before.filter_map(|step| matched(step, snapshot));
    rules.next().filter(|rule| denies(&rule.action))
}

fn denies(action: &RuleAction) -> bool {
    matches!(action, RuleAction::Drop | RuleAction::Reject)
}

fn matched<'s>(step: &Step, snapshot: &'s Snapshot) -> Option<&'s Rule> {
    if step.what != What::Matches {
        return None;
    }
    snapshot
        .rule(RuleId(step.object?.id))
        .here()
        .map(AsRef::as_ref)
}

fn rule_info(rule: &Rule, snapshot: &Snapshot) -> RuleInfo {
    let chain = snapshot.chain(rule.chain).here();
    RuleInfo {
        rule: rule.id,
        words: rule.in_words(&|id| name_of(id, snapshot)),
        chain: rule.chain,
        chain_name: chain.map(|chain| chain.name.clone()).unwrap_or_default(),
        owner: chain.and_then(|chain| chain.tenant_id.clone()),
    }
}

/// The name of an object that has one, else its id.
fn name_of(id: ObjectId, snapshot: &Snapshot) -> String {
    let name = match snapshot.object(id) {
        Known::Here(Object::Chain(chain)) => chain.name.as_str(),
        Known::Here(Object::PortGroup(group)) => group.name.as_str(),
        Known::Here(Object::AddressGroup(group)) => group.name.as_str(),
        _ => "",
    };
    match name {
        "" => id.id.to_string(),
        name => name.to_owned(),
    }
}

/// An IP protocol's name, or its number.
pub(super) fn protocol(number: u8) -> String {
    match number {
        protocol::ICMP => "icmp".to_owned(),
        protocol::TCP => "tcp".to_owned(),
        protocol::UDP => "udp".to_owned(),
        protocol::ICMPV6 => "icmpv6".to_owned(),
        protocol::SCTP => "sctp".to_owned(),
        number => number.to_string(),
    }
}

/// A state of TCP as the kernel calls it.
pub(super) fn tcp_state(state: TcpState) -> String {
    let name = match state {
        TcpState::None => "none",
        TcpState::SynSent => "syn-sent",
        TcpState::SynReceived => "syn-received",
        TcpState::Established => "established",
        TcpState::FinWait => "fin-wait",
        TcpState::CloseWait => "close-wait",
        TcpState::LastAck => "last-ack",
        TcpState::TimeWait => "time-wait",
        TcpState::Close => "close",
        TcpState::SynSent2 => "syn-sent-2",
        TcpState::Other(number) => return number.to_string(),
    };
    name.to_owned()
}
