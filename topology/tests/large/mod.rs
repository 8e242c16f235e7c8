//! A snapshot of any size: a bridge, and as many ports, table entries and hosts as asked for.

#![allow(dead_code)] // each test binary uses a part

use ipnet::Ipv4Net;
use weft_topology::bridge::{ArpEntry, MacEntry};
use weft_topology::dhcp::{DhcpHost, DhcpSubnet};
use weft_topology::id::DhcpSubnetId;
use weft_topology::{Change, LocalPort, MacAddr, Object, Snapshot};

use crate::common::{bridge, bridge_id, dhcp_host, port, port_id, subnet};

pub(crate) fn station(n: u16) -> MacAddr {
    let [high, low] = n.to_be_bytes();
    MacAddr(2, 0, 0, 0, high, low)
}

pub(crate) fn addr(n: u16) -> std::net::Ipv4Addr {
    let [high, low] = n.to_be_bytes();
    [10, 0, high, low].into()
}

pub(crate) fn subnet_id() -> DhcpSubnetId {
    DhcpSubnet::id_of(bridge_id(1), Ipv4Net::new_assert(addr(0), 16))
}

pub(crate) fn snapshot(count: u16) -> Snapshot {
    let subnet = DhcpSubnet {
        prefix: Ipv4Net::new_assert(addr(0), 16),
        id: subnet_id(),
        ..subnet(1)
    };
    let mut objects: Vec<Object> = vec![bridge(1).into(), subnet.clone().into()];
    for n in 1..=count {
        objects.push(port(n.into(), 1).into());
        objects.push(MacEntry::new(bridge_id(1), 0, station(n), port_id(n.into())).into());
        objects.push(ArpEntry::new(bridge_id(1), addr(n).into(), station(n)).into());
        objects.push(Object::from(DhcpHost {
            id: DhcpHost::id_of(subnet.id, station(n)),
            subnet: subnet.id,
            mac: station(n),
            addr: addr(n),
            ..dhcp_host(1, 1)
        }));
    }
    let local: Vec<LocalPort> = (1..=count)
        .map(|n| LocalPort {
            port: port_id(n.into()),
            number: n.into(),
            interface: format!("tap{n}"),
        })
        .collect();
    let changes: Vec<Change> = objects.into_iter().map(Change::Put).collect();
    Snapshot::default()
        .apply(1, &changes)
        .0
        .with_local(&local)
        .0
}
