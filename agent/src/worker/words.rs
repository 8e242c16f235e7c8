//! Flows in words: the kernel's text form, and a summary with names for numbers.

use std::collections::HashMap;

use weft_flow::text::{Actions, Flow};
use weft_flow::{Action, Field, Ufid};
use weft_ovs::DumpedFlow;
use weft_topology::{LocalPort, Snapshot};
use weft_wire::control::FlowInfo;

/// A flow of the kernel in words.
pub(super) fn describe(
    flow: &DumpedFlow,
    snapshot: &Snapshot,
    reasons: &HashMap<Ufid, String>,
) -> FlowInfo {
    let local = flow
        .key
        .u32(Field::InPort)
        .and_then(|number| snapshot.local_by_number(number));
    let reason = flow.ufid.and_then(|ufid| reasons.get(&ufid).cloned());
    let matches = Flow {
        key: &flow.key,
        mask: &flow.mask,
    }
    .to_string();
    let actions = Actions(&flow.actions).to_string();
    FlowInfo {
        ufid: flow.ufid.map(|ufid| ufid.to_string()).unwrap_or_default(),
        summary: with_names(&matches, local, &flow.actions, snapshot),
        matches,
        actions,
        in_port: local.map(|local| local.port),
        packets: flow.stats.packets,
        bytes: flow.stats.bytes,
        idle_ms: flow
            .stats
            .idle
            .map(|idle| u64::try_from(idle.as_millis()).unwrap_or(u64::MAX)),
        reason: reason.unwrap_or_else(|| "not known to the agent".to_owned()),
    }
}

/// What every packet of a virtual machine has when it comes in.
const SAYS_NOTHING: [&str; 10] = [
    "recirc_id(0)",
    "dp_hash(0)",
    "skb_priority(0)",
    "skb_mark(0)",
    "ct_state(0)",
    "ct_state(-rel-rpl-inv-trk-snat-dnat)",
    "ct_zone(0)",
    "ct_mark(0)",
    "ct_label(0)",
    "packet_type(ns=0,id=0)",
];

/// The fields of a flow in its text form: what stands between commas outside brackets.
fn fields(matches: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    matches.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
}

/// The flow with interfaces for port numbers, and without what says nothing.
fn with_names(
    matches: &str,
    in_port: Option<&LocalPort>,
    actions: &[Action],
    snapshot: &Snapshot,
) -> String {
    let name = |number: u32| {
        snapshot
            .local_by_number(number)
            .map_or_else(|| number.to_string(), |local| local.interface.clone())
    };
    let words = fields(matches).filter(|field| !SAYS_NOTHING.contains(field));
    let named = words.map(|field| match in_port {
        Some(local) if field.starts_with("in_port(") => format!("in_port({})", local.interface),
        _ => field.to_owned(),
    });
    let text = named.collect::<Vec<_>>().join(",");
    let shown: Vec<String> = actions
        .iter()
        .map(|action| match action {
            Action::Output(number) => name(*number),
            other => Actions(std::slice::from_ref(other)).to_string(),
        })
        .collect();
    let shown = if shown.is_empty() {
        "drop".to_owned()
    } else {
        shown.join(",")
    };
    format!("{text} → {shown}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_what_stands_between_commas_outside_brackets() {
        let text =
            "recirc_id(0),in_port(1),encap(eth_type(0x0800),ipv4(src=1.2.3.4,proto=6)),tcp()";
        let wanted = [
            "recirc_id(0)",
            "in_port(1)",
            "encap(eth_type(0x0800),ipv4(src=1.2.3.4,proto=6))",
            "tcp()",
        ];
        assert_eq!(fields(text).collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn a_summary_has_names_and_leaves_out_what_says_nothing() {
        let port = LocalPort {
            port: uuid::Uuid::from_u128(1).into(),
            number: 1,
            interface: "tap-a".to_owned(),
        };
        let snapshot = Snapshot::default()
            .with_local(std::slice::from_ref(&port))
            .0;
        let matches = "recirc_id(0),in_port(1),ct_state(0),eth(src=02:00:00:00:00:01)";
        let actions = [Action::Output(1), Action::Output(77)];
        let said = with_names(matches, Some(&port), &actions, &snapshot);
        assert_eq!(said, "in_port(tap-a),eth(src=02:00:00:00:00:01) → tap-a,77");
        let said = with_names(matches, None, &[], &snapshot);
        assert_eq!(said, "in_port(1),eth(src=02:00:00:00:00:01) → drop");
    }
}
