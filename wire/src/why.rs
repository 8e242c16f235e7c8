//! Why packets of a port were dropped: what [`Verb::Why`](crate::control::Verb::Why) answers.

use serde::{Deserialize, Serialize};
use weft_topology::id::{ChainId, PortId, RuleId};

/// The last drops of a port, with the port's own state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WhyResult {
    /// The port.
    pub port: PortId,
    /// Whether this host carries it.
    pub is_here: bool,
    /// The interface of this host that it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// What keeps it from working, in words; absent: nothing that is known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What was dropped, the last first.
    pub drops: Vec<DropStory>,
}

/// Packets that were dropped for one reason, by one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DropStory {
    /// Which way they were going.
    pub way: Way,
    /// How many.
    pub packets: u64,
    /// How long ago the last of them was dropped, in milliseconds; absent: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ago_ms: Option<u64>,
    /// One of them in words; absent: none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packet: Option<String>,
    /// The reason by name, as in `weft show drops`.
    pub reason: String,
    /// The reason in words.
    pub words: String,
    /// The rule that decided, if one did and it is still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RulePlace>,
    /// The port at their other end, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<PortId>,
}

/// Which way packets were going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The port's machine sent them.
    From,
    /// They were for the port.
    To,
}

/// A rule and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RulePlace {
    /// The rule.
    pub id: RuleId,
    /// Its place in its chain, from 1 on.
    pub place: usize,
    /// The chain: a security group, for one.
    pub chain: ChainId,
    /// The chain's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub chain_name: String,
    /// Whose the chain is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}
