//! The hot path allocates nothing once it is warm. This binary counts, so it has one test only.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use uuid::Uuid;
use weft_flow::{Action, Field, FlowKey, key};
use weft_flowsim::{Learned, Outcome, Probe, Reason, Scratch, Time, simulate};
use weft_topology::bridge::Bridge;
use weft_topology::id::{BridgeId, PortId};
use weft_topology::port::{Port, PortDevice};
use weft_topology::{Change, LocalPort, MacAddr, Snapshot};

#[path = "support/rules.rs"]
mod rules;

use rules::Groups;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const BRIDGE: BridgeId = BridgeId(Uuid::from_u128(1));
const PORTS: u8 = 100;

fn port_id(n: u8) -> PortId {
    PortId(Uuid::from_u128(100 + u128::from(n)))
}

fn station(n: u8) -> MacAddr {
    MacAddr(2, 0, 0, 0, 0, n)
}

/// A bridge with a hundred ports, each of which the datapath carries by its number.
fn snapshot() -> Snapshot {
    let bridge = Bridge {
        id: BRIDGE,
        tenant_id: None,
        name: "blue".into(),
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        mtu: None,
        vlan_aware: false,
    };
    let port = |n: u8| Port {
        id: port_id(n),
        tenant_id: None,
        device: PortDevice::Bridge { bridge: BRIDGE },
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        port_groups: Default::default(),
        peer: None,
        binding: None,
        previous_host: None,
        vif_id: None,
        tunnel_key: 1 + u32::from(n),
        vlan: None,
        security: None,
    };
    let mut changes = vec![Change::Put(bridge.into())];
    changes.extend((0..PORTS).map(|n| Change::Put(port(n).into())));
    let local = |n: u8| LocalPort {
        port: port_id(n),
        number: n.into(),
        interface: format!("tap{n}"),
    };
    let locals: Vec<LocalPort> = (0..PORTS).map(local).collect();
    Snapshot::default()
        .apply(1, &changes)
        .0
        .with_local(&locals)
        .0
}

/// Every station is behind the port of its number.
struct Everywhere;

impl Learned for Everywhere {
    fn mac(&self, _: BridgeId, _: u16, mac: MacAddr, _: Time) -> Option<PortId> {
        Some(port_id(mac.5))
    }
}

fn key(from: u8, to: MacAddr) -> FlowKey {
    let mut key = FlowKey::new();
    key.set(Field::RecircId, 0)
        .set(Field::InPort, from.into())
        .set(Field::EthSrc, key::mac_to_bits(station(from)))
        .set(Field::EthDst, key::mac_to_bits(to))
        .set(Field::EthType, 0x0800)
        .set(Field::Ipv4Src, 1)
        .set(Field::Ipv4Dst, 2)
        .set(Field::IpProto, 17)
        .set(Field::IpTos, 0)
        .set(Field::IpTtl, 64)
        .set(Field::IpFrag, 0)
        .set(Field::TpSrc, 1000)
        .set(Field::TpDst, 2000);
    key
}

fn judge(snapshot: &Snapshot, key: &FlowKey, scratch: &mut Scratch) -> Outcome {
    let mut probe = Probe::new(key, &[], &Everywhere, Time(0), scratch);
    simulate(snapshot, &mut probe)
}

/// Through port security and the rules of both ends.
fn judge_by_rules(groups: Groups, scratch: &mut Scratch) {
    let (snapshot, key) = (rules::snapshot(groups), rules::datagram(groups));
    let mut probe = Probe::new(&key, &[], &rules::Known, Time(0), scratch);
    let outcome = simulate(&snapshot, &mut probe);
    assert!(
        matches!(outcome.reason, Reason::Unicast(_)),
        "{}",
        outcome.reason
    );
    let commits = |action: &Action| matches!(action, Action::Ct(ct) if ct.commit);
    let zones = outcome
        .actions
        .iter()
        .filter(|action| commits(action))
        .count();
    assert_eq!(zones, if groups == Groups::Stateful { 2 } else { 0 });
    scratch.recycle(outcome);
    let round = |_| {
        let region = Region::new(ALLOCATOR);
        let mut probe = Probe::new(&key, &[], &rules::Known, Time(0), scratch);
        let outcome = simulate(&snapshot, &mut probe);
        scratch.recycle(outcome);
        let counted = region.change();
        counted.allocations + counted.reallocations
    };
    let least = (0..20).map(round).fold(usize::MAX, usize::min);
    assert_eq!(least, 0, "{} rules on each end, {groups:?}", rules::RULES);
}

/// How many allocations a simulation with warm memory makes. Others of this process are counted, too
/// (the test harness), so the least of several rounds is taken.
fn allocations(snapshot: &Snapshot, key: &FlowKey, scratch: &mut Scratch) -> usize {
    let round = |_| {
        let region = Region::new(ALLOCATOR);
        let outcome = judge(snapshot, key, scratch);
        scratch.recycle(outcome);
        let counted = region.change();
        counted.allocations + counted.reallocations
    };
    (0..20).map(round).fold(usize::MAX, usize::min)
}

#[test]
fn a_warm_simulation_allocates_nothing() {
    let (snapshot, mut scratch) = (snapshot(), Scratch::new());
    let unicast = key(1, station(2));
    let outcome = judge(&snapshot, &unicast, &mut scratch);
    assert_eq!(outcome.actions, [Action::Output(2)]);
    assert_eq!(outcome.reason, Reason::Unicast(port_id(2)));
    assert_eq!(allocations(&snapshot, &unicast, &mut scratch), 0, "unicast");

    let hairpin = key(1, station(1));
    let outcome = judge(&snapshot, &hairpin, &mut scratch);
    assert_eq!(outcome.reason, Reason::Hairpin(port_id(1)));
    assert_eq!(allocations(&snapshot, &hairpin, &mut scratch), 0, "a drop");

    let flood = key(1, MacAddr::broadcast());
    let outcome = judge(&snapshot, &flood, &mut scratch);
    assert_eq!(outcome.actions.len(), usize::from(PORTS) - 1);
    assert_eq!(allocations(&snapshot, &flood, &mut scratch), 0, "a flood");

    judge_by_rules(Groups::Stateless, &mut scratch);
    judge_by_rules(Groups::Stateful, &mut scratch);

    let region = Region::new(ALLOCATOR);
    drop(judge(&snapshot, &unicast, &mut Scratch::new()));
    assert!(region.change().allocations > 0, "the allocator counts");
}
