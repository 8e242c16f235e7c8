//! The security group of the machines: the same for every subject, in the words of each.

use std::net::Ipv4Addr;

use anyhow::Result;
use serde_json::{Value, json};

use super::{FROM, TO};
use crate::cloud;
use crate::rest::Rest;

/// The first port that [`Group::Open`] lets in.
const OPEN_FROM: u16 = 1_024;
/// The ports that [`Group::AnySource`] and [`Group::Prefix`] let in, both included.
pub const SERVICES: (u16, u16) = (2_000, 2_099);
/// The prefix of [`Group::Prefix`], with its length.
const REMOTES: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 1, 0, 0), 16);

/// What may be sent to a machine; answers, and all that it begins itself, may pass in any case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Group {
    /// UDP to any port but the well-known ones.
    Open,
    /// UDP to a hundred ports.
    AnySource,
    /// The same, from one prefix.
    Prefix,
    /// UDP from the members of an address group.
    Members(Vec<Ipv4Addr>),
}

/// Whether the machine that sends may use its own address only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Senders {
    /// It may: port security at both.
    Secured,
    /// It stands for many, as an uplink does: port security at the receiver alone.
    Many,
}

impl Group {
    /// The match of an access control list entry of OVN.
    pub(in crate::bench) fn as_ovn_match(&self, members: &str) -> String {
        let to = "outport == @pg0 && ip4 && udp";
        let (first, last) = SERVICES;
        let services = format!("udp.dst >= {first} && udp.dst <= {last}");
        match self {
            Group::Open => format!("{to} && udp.dst >= {OPEN_FROM}"),
            Group::AnySource => format!("{to} && {services}"),
            Group::Prefix => format!(
                "{to} && ip4.src == {}/{} && {services}",
                REMOTES.0, REMOTES.1
            ),
            Group::Members(_) => format!("{to} && ip4.src == ${members}"),
        }
    }

    /// The rule of a chain of Weft's REST API. Members are in the address group that is named.
    pub(in crate::bench) fn as_rule(&self, members: Option<&str>) -> Value {
        let mut rule = json!({ "type": "accept", "nwProto": 17 });
        let mut to = |(first, last): (u16, u16)| {
            rule["tpDst"] = json!({ "start": first, "end": last });
        };
        match self {
            Group::Open => to((OPEN_FROM, u16::MAX)),
            Group::AnySource | Group::Prefix => to(SERVICES),
            Group::Members(_) => rule["ipAddrGroupSrc"] = json!(members),
        }
        if *self == Group::Prefix {
            rule["nwSrcAddress"] = json!(REMOTES.0);
            rule["nwSrcLength"] = json!(REMOTES.1);
        }
        rule
    }
}

/// Gives both ports their chains, and port security as told. The chain of what is sent to them.
pub(super) fn secure(
    rest: &Rest,
    [from, to]: [&str; 2],
    senders: Senders,
    rule: Value,
) -> Result<String> {
    let answers = json!({ "type": "accept", "matchReturnFlow": true });
    let arp = json!({ "type": "accept", "dlType": 0x0806 });
    let (egress, _) = cloud::chain(
        rest,
        "egress",
        &[answers.clone(), json!({ "type": "accept" })],
    )?;
    let rules = [answers, arp, rule, json!({ "type": "drop" })];
    let (ingress, _) = cloud::chain(rest, "ingress", &rules)?;
    for (port, mac) in [(from, FROM), (to, TO)] {
        let path = format!("/ports/{port}");
        let mut body = rest.get(&path)?;
        body["inboundFilterId"] = json!(egress);
        body["outboundFilterId"] = json!(ingress);
        if port == to || senders == Senders::Secured {
            let pair = json!({ "mac": mac.to_string(), "prefix": format!("10.0.0.{}", mac.5) });
            body["portSecurity"] = json!({ "pairs": [pair] });
        }
        rest.update(&path, &body)?;
    }
    Ok(ingress)
}
