//! Two machines on a bridge with port security and 64 rules on each end, and a datagram that the last of both
//! lets pass: what security groups with remote prefixes come to.

#![allow(clippy::unwrap_used, reason = "the addresses are the scene's own")]

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::net::Ipv4Addr;
use std::str::FromStr;

use uuid::Uuid;
use weft_flow::present::{ct_state, ethertype, protocol};
use weft_flow::{Field, FlowKey, key};
use weft_flowsim::{Learned, Pass, Time};
use weft_topology::bridge::Bridge;
use weft_topology::chain::{Chain, Condition, FragmentPolicy, PortRange, Rule, RuleAction, Test};
use weft_topology::id::{BridgeId, ChainId, PortId, RuleId};
use weft_topology::port::{AddressPair, Port, PortDevice, PortSecurity};
use weft_topology::{Change, LocalPort, MacAddr, Snapshot};

/// Rules on each end.
pub(crate) const RULES: u16 = 64;
/// The port that the datagram goes to.
const SERVICE: u16 = 5_000;
const BRIDGE: BridgeId = BridgeId(Uuid::from_u128(1));
const FROM: u8 = 1;
const TO: u8 = 2;

/// Whether the rules ask for the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Groups {
    /// They do not: one pass.
    Stateless,
    /// They do: the packet is looked up, and comes again.
    Stateful,
}

/// Where the two machines are.
pub(crate) struct Known;

impl Learned for Known {
    fn mac(&self, _: BridgeId, _: u16, mac: MacAddr, _: Time) -> Option<PortId> {
        Some(port_id(mac.5))
    }
}

/// The bridge, its two ports and their rules; the datapath carries the ports.
pub(crate) fn snapshot(groups: Groups) -> Snapshot {
    let egress = chain(1, groups, |n| Condition {
        destination: Some(is(net(&format!("192.0.2.{n}/32")))),
        ..datagrams_to(SERVICE)
    });
    let ingress = chain(2, groups, |n| Condition {
        source: Some(is(net(&format!("198.51.100.{n}/32")))),
        ..datagrams_to(1_000 + u16::from(n))
    });
    let mut changes = vec![Change::Put(bridge().into())];
    for (chain, rules) in [egress, ingress] {
        changes.push(Change::Put(chain.into()));
        changes.extend(rules.into_iter().map(|rule| Change::Put(rule.into())));
    }
    changes.extend([FROM, TO].map(|n| Change::Put(port(n).into())));
    let local = [FROM, TO].map(|n| LocalPort {
        port: port_id(n),
        number: n.into(),
        interface: format!("tap{n}"),
    });
    let (snapshot, _) = Snapshot::default().apply(1, &changes);
    snapshot.with_local(&local).0
}

/// The datagram as the kernel shows it in the pass in which all rules are looked at.
pub(crate) fn datagram(groups: Groups) -> FlowKey {
    let mut packet = FlowKey::new();
    for field in [
        Field::RecircId,
        Field::SkbPriority,
        Field::SkbMark,
        Field::DpHash,
        Field::CtState,
        Field::CtZone,
        Field::CtMark,
        Field::CtLabels,
        Field::IpTos,
        Field::IpFrag,
    ] {
        packet.set(field, 0);
    }
    packet
        .set(Field::InPort, FROM.into())
        .set(Field::EthSrc, key::mac_to_bits(mac(FROM)))
        .set(Field::EthDst, key::mac_to_bits(mac(TO)))
        .set(Field::EthType, ethertype::IPV4.into())
        .set(Field::Ipv4Src, address(FROM).to_bits().into())
        .set(Field::Ipv4Dst, address(TO).to_bits().into())
        .set(Field::IpProto, protocol::UDP.into())
        .set(Field::IpTtl, 64)
        .set(Field::TpSrc, 4_000)
        .set(Field::TpDst, SERVICE.into());
    if groups == Groups::Stateful {
        let pass = Pass {
            zone: FROM.into(),
            was_fragment: false,
        };
        packet
            .set(Field::RecircId, pass.recirc_id().into())
            .set(Field::CtZone, FROM.into())
            .set(Field::CtState, (ct_state::TRACKED | ct_state::NEW).into());
    }
    packet
}

/// A chain of rules that are not for the datagram, but the last.
fn chain(number: u8, groups: Groups, other: impl Fn(u8) -> Condition) -> (Chain, Vec<Rule>) {
    let id = ChainId(Uuid::from_u128(u128::from(number) << 64));
    let rule = |n: u16| {
        let condition = match n {
            1 if groups == Groups::Stateful => Condition {
                match_return_flow: true,
                ..Condition::default()
            },
            RULES => Condition {
                source: Some(is(net("10.0.0.0/8"))),
                ..datagrams_to(SERVICE)
            },
            n => other(u8::try_from(n).unwrap_or(u8::MAX)),
        };
        Rule {
            id: RuleId(Uuid::from_u128(u128::from(number) << 64 | u128::from(n))),
            chain: id,
            condition,
            action: RuleAction::Accept,
            log: None,
        }
    };
    let mut rules: Vec<Rule> = (1..=RULES).map(rule).collect();
    rules.push(Rule {
        id: RuleId(Uuid::from_u128(u128::from(number) << 64 | 1 << 32)),
        chain: id,
        condition: Condition::default(),
        action: RuleAction::Drop,
        log: None,
    });
    let chain = Chain {
        id,
        tenant_id: None,
        name: String::new(),
        rules: rules.iter().map(|rule| rule.id).collect(),
    };
    (chain, rules)
}

fn datagrams_to(port: u16) -> Condition {
    Condition {
        protocol: Some(is(protocol::UDP)),
        destination_port: Some(is(PortRange {
            first: port,
            last: port,
        })),
        fragment_policy: FragmentPolicy::Header,
        ..Condition::default()
    }
}

fn is<T>(value: T) -> Test<T> {
    Test {
        value,
        invert: false,
    }
}

fn net<T: FromStr<Err: Debug>>(prefix: &str) -> T {
    prefix.parse().unwrap()
}

fn mac(n: u8) -> MacAddr {
    MacAddr(2, 0, 0, 0, 0, n)
}

fn address(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, n)
}

fn port_id(n: u8) -> PortId {
    PortId(Uuid::from_u128(100 + u128::from(n)))
}

fn bridge() -> Bridge {
    Bridge {
        id: BRIDGE,
        tenant_id: None,
        name: "ruled".to_owned(),
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        mtu: None,
        vlan_aware: false,
    }
}

fn port(n: u8) -> Port {
    Port {
        id: port_id(n),
        tenant_id: None,
        device: PortDevice::Bridge { bridge: BRIDGE },
        admin_state_up: true,
        inbound_filter: Some(ChainId(Uuid::from_u128(1 << 64))),
        outbound_filter: Some(ChainId(Uuid::from_u128(2 << 64))),
        port_groups: BTreeSet::new(),
        peer: None,
        binding: None,
        previous_host: None,
        vif_id: None,
        tunnel_key: n.into(),
        vlan: None,
        security: Some(PortSecurity {
            pairs: vec![AddressPair {
                mac: mac(n),
                prefix: net(&format!("{}/32", address(n))),
            }],
        }),
    }
}
