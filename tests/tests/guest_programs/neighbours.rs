//! Neighbour discovery and listener reports (RFC 4861, RFC 2710, RFC 3810).

use std::net::IpAddr;
use std::slice::from_ref;

use weft_ovs::conntrack::Filter;

use super::connection::Family;
use super::packet::Packet;
use super::programs::{Flows, Policy};
use super::stage::Stage;

/// 130 to 132 and 143: listeners of groups. 133 to 137: neighbour discovery.
const TYPES: [u8; 9] = [130, 131, 132, 133, 134, 135, 136, 137, 143];

/// A message of a type between two machines.
fn message(stage: &Stage, [from, to]: [usize; 2], kind: u8) -> Packet {
    let [source, target] = [from, to].map(|machine| stage.machines[machine].v6);
    let IpAddr::V6(address) = target else {
        panic!("{target} is not of IPv6");
    };
    let rest = [&address.octets()[..], &address.octets(), &[0; 8]].concat();
    Packet::icmp((source, target), [kind, 0], [0; 4], &rest)
}

#[test]
fn neighbour_discovery_and_listener_reports_pass_a_shut_group_and_are_never_tracked() {
    let mut stage = Stage::one_host();
    stage.hosts[0].put(&Flows::same_host(Family::V6, Policy::Shut));
    for kind in TYPES {
        for ends in [[0, 1], [1, 0]] {
            let message = message(&stage, ends, kind);
            let arrived = stage.carry(ends, from_ref(&message));
            assert_eq!(arrived, [message], "type {kind}");
        }
    }
    assert_eq!(stage.hosts[0].entries(Filter::default()), []);
}

/// The reason: what connection tracking makes of them is dropped as invalid everywhere else.
#[test]
fn connection_tracking_would_call_each_of_them_invalid() {
    let mut stage = Stage::one_host();
    let mut flows = Flows::default();
    let any = Family::V6.ip("");
    flows.add(
        format!("recirc_id(0),in_port(1),{any}"),
        "ct(zone=1),recirc(1)",
    );
    let invalid = format!("recirc_id(1),in_port(1),ct_state(+trk+inv),{any}");
    flows.add(&*invalid, "2");
    flows.add(
        format!("recirc_id(1),in_port(1),ct_state(+trk-inv),{any}"),
        "drop",
    );
    stage.hosts[0].put(&flows);
    for kind in TYPES {
        let message = message(&stage, [0, 1], kind);
        let arrived = stage.carry([0, 1], from_ref(&message));
        assert_eq!(arrived, [message], "type {kind}");
    }
    assert_eq!(stage.hosts[0].packets(&invalid), TYPES.len() as u64);
}
