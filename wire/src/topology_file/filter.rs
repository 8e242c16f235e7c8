//! Chains with their rules, and the groups that rules name.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;
use weft_topology::MacAddr;
use weft_topology::chain::{FragmentPolicy, MaskedMac, NatTarget, NatVerdict, PortRange};
use weft_topology::text::{EtherType, Prefix, Protocol};

use crate::text::Text;

/// A chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainEntry {
    /// Its id; absent: the key if that is one, else derived from the file's name and the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Its name; absent: the key, unless that is an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The tenant that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// All its rules, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rule: Vec<RuleEntry>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleEntry {
    /// Its id; absent: derived from the chain's id and what the rule says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// What it does.
    pub action: ActionEntry,
    /// The chain that a jump goes to, by key or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// What a translation chooses from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Text<NatTarget>>,
    /// Where evaluation goes on after a translation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<NatVerdict>,
    /// Which fragments it is for; absent: as befits such a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fragments: Option<FragmentPolicy>,
    /// It is for packets that do *not* pass all the tests.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub invert: bool,
    /// A name under which matches are logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Tests that a packet must pass, all of them.
    #[serde(default, skip_serializing_if = "Tests::is_empty")]
    pub when: Tests,
    /// Tests that a packet must fail, each of them.
    #[serde(default, skip_serializing_if = "Tests::is_empty")]
    pub not: Tests,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionEntry {
    /// The packet passes.
    Accept,
    /// The next rule is looked at.
    Continue,
    /// The packet is dropped in silence.
    Drop,
    /// The packet is dropped, and the sender is told.
    Reject,
    /// Back to the chain that jumped here.
    Return,
    /// Another chain is evaluated.
    Jump,
    /// The source is translated.
    Snat,
    /// The destination is translated.
    Dnat,
    /// A translation of the source is undone.
    RevSnat,
    /// A translation of the destination is undone.
    RevDnat,
}

/// Tests of a packet; what is absent is not tested.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tests {
    /// Of a connection's original direction.
    #[serde(
        skip_serializing_if = "std::ops::Not::not",
        deserialize_with = "only_true"
    )]
    pub original: bool,
    /// A reply, or an ICMP error related to a connection.
    #[serde(
        skip_serializing_if = "std::ops::Not::not",
        deserialize_with = "only_true"
    )]
    pub reply: bool,
    /// Entered the device by one of these ports, as `BRIDGE/PORT` or by id.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "some")]
    pub in_ports: Vec<String>,
    /// Leaves the device by one of these ports.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "some")]
    pub out_ports: Vec<String>,
    /// Entered the topology by a port of this group, by key or id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_group: Option<String>,
    /// Entered the device by a port of this group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_port_group: Option<String>,
    /// Leaves the device by a port of this group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_port_group: Option<String>,
    /// Source address is in this group, by key or id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_group: Option<String>,
    /// Destination address is in this group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_group: Option<String>,
    /// Ethertype.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ether_type: Option<Text<EtherType>>,
    /// Ethernet source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac_source: Option<Text<MaskedMac>>,
    /// Ethernet destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac_destination: Option<Text<MaskedMac>>,
    /// VLAN id; 0 asks for an untagged frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// IP protocol or next header, or ARP operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Text<Protocol>>,
    /// TOS or traffic class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos: Option<u8>,
    /// Source address (in ARP, the sender's).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Text<Prefix>>,
    /// Destination address (in ARP, the target's).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<Text<Prefix>>,
    /// Source ports, or ICMP types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_port: Option<Text<PortRange>>,
    /// Destination ports, or ICMP codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_port: Option<Text<PortRange>>,
}

/// A group of ports. A port names the groups that it is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortGroupEntry {
    /// Its id; absent: the key if that is one, else derived from the file's name and the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Its name; absent: the key, unless that is an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The tenant that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Whether its members share the state of connections.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stateful: bool,
}

/// A group of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressGroupEntry {
    /// Its id; absent: the key if that is one, else derived from the file's name and the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Its name; absent: the key, unless that is an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The tenant that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Addresses and prefixes of either family.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Text<Prefix>>,
}

/// Addresses that a port may speak for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairEntry {
    /// The Ethernet source.
    pub mac: MacAddr,
    /// The address or prefix.
    pub prefix: Text<Prefix>,
}

impl Tests {
    /// Whether nothing is tested.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// `reply = false` would read as "original only", and mean nothing.
fn only_true<'de, D: Deserializer<'de>>(of: D) -> Result<bool, D::Error> {
    match bool::deserialize(of)? {
        true => Ok(true),
        false => Err(D::Error::custom(
            "want true, or leave it out: original and reply are each other's opposite",
        )),
    }
}

/// No port at all would read as "none", and test nothing.
fn some<'de, D: Deserializer<'de>>(of: D) -> Result<Vec<String>, D::Error> {
    let ports = Vec::deserialize(of)?;
    match ports.is_empty() {
        false => Ok(ports),
        true => Err(D::Error::custom("names no port: leave it out to test none")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Tests;

    #[test]
    fn what_would_test_nothing_though_it_stands_there_is_refused() {
        let read = |json| serde_json::from_value::<Tests>(json);
        for nothing in [
            json!({"reply": false}),
            json!({"original": false}),
            json!({"in_ports": []}),
            json!({"out_ports": []}),
        ] {
            let refused = read(nothing.clone()).unwrap_err().to_string();
            assert!(refused.contains("leave it out"), "{nothing}: {refused}");
        }
        let given = read(json!({"reply": true, "in_ports": ["a/b"]})).unwrap();
        assert!(given.reply && !given.original && given.in_ports == ["a/b"]);
    }
}
