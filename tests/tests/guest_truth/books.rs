//! Accounts: every packet that was sent ended once, delivered, taken by a local service, or dropped by name.

use std::collections::BTreeMap;

use weft_ovs::Datapath;
use weft_tests::wait;
use weft_topology::id::PortId;

use super::stage::Stage;
use super::{LIMIT, datapath};

/// What became of the packets that were sent, by what was seen of them.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// All of them.
    pub(crate) sent: u64,
    /// One copy left, or more.
    pub(crate) delivered: u64,
    /// A local service took it, and answered or had nothing to say.
    pub(crate) taken: u64,
    /// Nothing was seen of it again, for a reason that the trace gave.
    pub(crate) dropped: BTreeMap<(Option<PortId>, String), u64>,
}

impl Books {
    pub(crate) fn drop(&mut self, port: PortId, reason: &str) {
        let reason = drop_of(reason).unwrap_or_else(|| panic!("no drop has the reason '{reason}'"));
        *self
            .dropped
            .entry((Some(port), reason.to_owned()))
            .or_default() += 1;
    }

    /// That the agent's counts are these, and the kernel lost nothing.
    pub(crate) fn balance(&self, stage: &Stage) {
        let dropped: u64 = self.dropped.values().sum();
        assert_eq!(self.sent, self.delivered + self.taken + dropped);
        let counted = wait::until("the drops to be counted", LIMIT, || {
            stage.drops() == self.dropped
        });
        if counted.is_err() {
            let (agent, mut wrong) = (stage.drops(), Vec::new());
            for key in agent.keys().chain(self.dropped.keys()) {
                let (has, wants) = (agent.get(key), self.dropped.get(key));
                if has != wants {
                    wrong.push(format!("{key:?}: counted {has:?}, seen {wants:?}"));
                }
            }
            panic!("{wrong:#?}");
        }
        assert_eq!(
            datapath().info().unwrap().lost,
            0,
            "the kernel lost upcalls"
        );
    }
}

/// The name under which drops of a reason are counted, by the words that a trace has for it.
fn drop_of(words: &str) -> Option<&'static str> {
    let all = [
        ("dropped by rule", "filtered"),
        ("rejected by rule", "rejected"),
        ("let out by no port", "filtered-everywhere"),
        ("uses a MAC that is not its own", "security-mac"),
        ("neither IP nor ARP", "security-ether-type"),
        ("sends two VLAN tags", "security-vlan-stack"),
        ("says in ARP that it has", "security-arp-sender"),
        ("uses a source address that is not", "security-source"),
        ("says in neighbour discovery that", "security-neighbour"),
        ("speaks as a DHCP server", "security-dhcp-server"),
        ("speaks as a router", "security-router"),
        ("fits no connection of port", "invalid-connection"),
        ("that is not allowed any more", "connection-cut"),
        ("the source is a group address", "source-is-group"),
        ("link-local control frame", "link-local-control"),
        ("which has no VLANs", "tagged"),
        ("tag names no VLAN", "bad-tag"),
        ("which forwards nothing", "for-server"),
        ("is behind the ingress port", "hairpin"),
        ("is not on this host and bridge", "not-here"),
        ("has no other port here that is up", "nobody-else"),
        // Not to be taken for that of the port where it came in.
        ("the destination's port", "egress-down"),
        ("is administratively down", "port-down"),
    ];
    if words.contains("bridge ") && words.contains("is administratively down") {
        return Some("bridge-down");
    }
    let found = all.iter().find(|(part, _)| words.contains(part));
    found.map(|(_, name)| *name)
}
