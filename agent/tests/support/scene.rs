//! One bridge with two ports, and a datagram from the one to the other.

use std::collections::BTreeSet;

use uuid::Uuid;
use weft_flow::{Field, FlowKey, key};
use weft_topology::bridge::Bridge;
use weft_topology::id::{BridgeId, PortId};
use weft_topology::port::{Port, PortDevice};
use weft_topology::{Change, LocalPort, MacAddr, Snapshot, Tag};

/// Ports of the bridge, by their numbers in the datapath.
const FROM: u8 = 1;
const TO: u8 = 2;

/// The bridge, whose ports the datapath carries, and what became true with it.
pub(crate) fn snapshot() -> (Snapshot, BTreeSet<Tag>) {
    let ports = [FROM, TO].map(port);
    let local = [FROM, TO].map(|n| LocalPort {
        port: port(n).id,
        number: n.into(),
        interface: format!("tap{n}"),
    });
    let mut changes = vec![Change::Put(bridge().into())];
    changes.extend(ports.map(|port| Change::Put(port.into())));
    let (snapshot, _) = Snapshot::default().apply(1, &changes);
    let (snapshot, tags) = snapshot.with_local(&local);
    (snapshot, tags.into_iter().collect())
}

/// A datagram from one station to the other, whose port is not known yet: it is flooded, which with two ports
/// is the same.
pub(crate) fn packet_key() -> FlowKey {
    let mut packet = FlowKey::new();
    packet
        .set(Field::RecircId, 0)
        .set(Field::InPort, FROM.into())
        .set(
            Field::EthSrc,
            key::mac_to_bits(MacAddr(2, 0, 0, 0, 0, FROM)),
        )
        .set(Field::EthDst, key::mac_to_bits(MacAddr(2, 0, 0, 0, 0, TO)))
        .set(Field::EthType, 0x0800)
        .set(Field::Ipv4Src, 0x0a00_0001)
        .set(Field::Ipv4Dst, 0x0a00_0002)
        .set(Field::IpProto, 17)
        .set(Field::IpTos, 0)
        .set(Field::IpTtl, 64)
        .set(Field::IpFrag, 0)
        .set(Field::TpSrc, 1000)
        .set(Field::TpDst, 2000);
    packet
}

fn bridge() -> Bridge {
    Bridge {
        id: BridgeId(Uuid::from_u128(1)),
        tenant_id: None,
        name: "sink".to_owned(),
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        mtu: None,
        vlan_aware: false,
    }
}

fn port(n: u8) -> Port {
    Port {
        id: PortId(Uuid::from_u128(100 + u128::from(n))),
        tenant_id: None,
        device: PortDevice::Bridge {
            bridge: BridgeId(Uuid::from_u128(1)),
        },
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        port_groups: BTreeSet::new(),
        peer: None,
        binding: None,
        previous_host: None,
        vif_id: None,
        tunnel_key: u32::from(n),
        vlan: None,
        security: None,
    }
}
