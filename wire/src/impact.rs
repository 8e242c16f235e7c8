//! What a change would cut: the answer to [`Verb::Impact`](crate::control::Verb::Impact).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use weft_topology::id::{ChainId, PortId, RuleId};

/// Something that passes now and would not pass any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Impact {
    /// A connection of the kernel's table.
    Connection(LostConnection),
    /// A flow that enters no connection.
    Flow(LostFlow),
}

/// A connection that would not go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LostConnection {
    /// Its protocol: `tcp`, `udp`, `icmp`, `icmpv6`, `sctp` or a number.
    pub protocol: String,
    /// Who began it.
    pub from: End,
    /// With whom.
    pub to: End,
    /// Type, code and identifier of ICMP's request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp: Option<Icmp>,
    /// TCP's state, in the kernel's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Whether it was ever answered.
    pub answered: bool,
    /// When it began, in seconds since 1970, if the kernel notes that (`nf_conntrack_timestamp`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// In how many seconds it ends if no packet comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_seconds: Option<u64>,
    /// Packets in both directions, if the kernel counts them (`nf_conntrack_acct`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets: Option<u64>,
    /// Entries that it has in the zones of this host's ports and that go: so much would `connections_cut` count.
    pub entries: usize,
    /// What would become of it.
    pub effect: Effect,
    /// The rules that accept its original packets now, in the order in which they are met.
    pub allowed_by: Vec<RuleInfo>,
    /// Why they would not pass.
    pub denied_by: Denial,
}

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct End {
    /// Its address.
    pub address: IpAddr,
    /// Its port of TCP, UDP or SCTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The virtual port; absent: not known, or not on this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vif: Option<PortId>,
    /// The interface that carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
}

/// What tells an ICMP exchange from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Icmp {
    /// Type of the request.
    pub kind: u8,
    /// Its code.
    pub code: u8,
    /// Its identifier.
    pub identifier: u16,
}

/// What would become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It is denied: marked as cut, and it stays so until it is allowed again.
    Cut,
    /// The kernel forgets it: its port goes, or goes to another host.
    Ends,
    /// Its packets do not get through, as long as it is so: a port or bridge is down.
    Stops,
}

/// A flow that would not pass any more, or not everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LostFlow {
    /// Its UFID in hex.
    pub ufid: String,
    /// Key and mask with names, and actions, as `weft show flows` has them.
    pub summary: String,
    /// The virtual port that its packets come in by.
    pub vif: Option<PortId>,
    /// That port's interface.
    pub interface: Option<String>,
    /// Packets that met it so far.
    pub packets: u64,
    /// Milliseconds since the last one.
    pub idle_ms: Option<u64>,
    /// The interfaces that its packets would not leave by any more.
    pub lost: Vec<String>,
    /// How much of it.
    pub extent: Extent,
    /// The rules that accept its packets now.
    pub allowed_by: Vec<RuleInfo>,
    /// Why they would not pass.
    pub denied_by: Denial,
}

/// How many of a flow's packets are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// All of them.
    All,
    /// Those like the one that made the flow; the rules that would be asked tell it from others of the flow.
    Some,
}

/// A rule and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleInfo {
    /// The rule.
    pub rule: RuleId,
    /// It, in words.
    pub words: String,
    /// Its chain.
    pub chain: ChainId,
    /// The chain's name.
    pub chain_name: String,
    /// The tenant that owns the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// Why something would not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Denial {
    /// The reason's name, as counters of drops have it.
    pub reason: String,
    /// The reason in words.
    pub words: String,
    /// The rule that decides, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleInfo>,
}

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImpactResult {
    /// The host's name.
    pub host: String,
    /// The revision of the host's topology to which the changes were added.
    pub revision: u64,
    /// Connections that were judged.
    pub connections: usize,
    /// Connections of which it is not known between which MACs they are: no packet has come since the agent began.
    /// They are not judged, neither now nor by a real change.
    pub unknown: usize,
    /// Flows with traffic that were judged.
    pub flows: usize,
    /// Connections and flows that lead to objects which this host does not have: nothing is said of them.
    pub undecided: usize,
}
