//! Small topologies for tests, and what the simulation is given of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use uuid::Uuid;
use weft_evaluator::World;
use weft_topology::bridge::{ArpEntry, Bridge, MacEntry};
use weft_topology::dhcp::{DhcpHost, DhcpSubnet};
use weft_topology::id::{BridgeId, PortId};
use weft_topology::policy::Established;
use weft_topology::port::{Port, PortDevice};
use weft_topology::{Change, LocalPort, MacAddr, Object, ObjectId, Snapshot};

use crate::{Learned, Time};

pub(crate) const AGEING: Duration = Duration::from_secs(300);

pub(crate) fn bridge_id(n: u8) -> BridgeId {
    BridgeId(Uuid::from_u128(0xb000 + u128::from(n)))
}

/// A port's id. The order of ids is not that of numbers, so that the two cannot be mistaken.
pub(crate) fn port_id(n: u8) -> PortId {
    PortId(Uuid::from_u128(0xa000 + u128::from(n ^ 5)))
}

/// A station's MAC.
pub(crate) fn station(n: u8) -> MacAddr {
    MacAddr(0x0a, 0, 0, 0, 0, n)
}

/// An address of the network that all tests use.
pub(crate) fn addr(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, n)
}

/// An IPv6 address of the network that all tests use.
pub(crate) fn addr6(n: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n.into())
}

pub(crate) fn bridge(n: u8) -> Bridge {
    Bridge {
        id: bridge_id(n),
        tenant_id: None,
        name: String::new(),
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        mtu: None,
        vlan_aware: false,
    }
}

pub(crate) fn port(n: u8, device: PortDevice) -> Port {
    Port {
        id: port_id(n),
        tenant_id: None,
        device,
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        port_groups: Default::default(),
        peer: None,
        binding: None,
        previous_host: None,
        vif_id: None,
        tunnel_key: u32::from(n) + 1,
        vlan: None,
        security: None,
    }
}

pub(crate) fn bridge_port(n: u8, of: u8) -> Port {
    let bridge = bridge_id(of);
    port(n, PortDevice::Bridge { bridge })
}

pub(crate) fn local(n: u8, number: u32) -> LocalPort {
    LocalPort {
        port: port_id(n),
        number,
        interface: format!("tap{n}"),
    }
}

pub(crate) fn subnet(of: u8, prefix: &str) -> DhcpSubnet {
    let (bridge, prefix) = (bridge_id(of), prefix.parse().unwrap());
    DhcpSubnet {
        id: DhcpSubnet::id_of(bridge, prefix),
        bridge,
        prefix,
        enabled: true,
        server_addr: None,
        default_gateway: None,
        dns_servers: Vec::new(),
        interface_mtu: None,
        static_routes: Vec::new(),
        lease_seconds: None,
        options: Vec::new(),
    }
}

pub(crate) fn dhcp_host(subnet: &DhcpSubnet, mac: MacAddr, addr: Ipv4Addr) -> DhcpHost {
    DhcpHost {
        id: DhcpHost::id_of(subnet.id, mac),
        subnet: subnet.id,
        bridge: subnet.bridge,
        mac,
        addr,
        name: None,
        options: Vec::new(),
    }
}

pub(crate) fn arp_entry(of: u8, ip: impl Into<IpAddr>, mac: MacAddr) -> ArpEntry {
    ArpEntry::new(bridge_id(of), ip.into(), mac)
}

pub(crate) fn mac_entry(of: u8, vlan: u16, mac: MacAddr, n: u8) -> MacEntry {
    MacEntry::new(bridge_id(of), vlan, mac, port_id(n))
}

pub(crate) fn world(objects: Vec<Object>, local: Vec<LocalPort>) -> World {
    World {
        objects,
        local,
        learned: Vec::new(),
        ageing: AGEING,
        keeps: false,
    }
}

/// Bridge 0 with a DHCP subnet, and the ports 1 to 4, which the datapath carries by these numbers.
/// Station 1 is a DHCP host with the address 1, and the server has 6.
pub(crate) fn office() -> World {
    let mut subnet = subnet(0, "10.0.0.0/29");
    subnet.server_addr = Some(addr(6));
    let host = dhcp_host(&subnet, station(1), addr(1));
    let mut objects = vec![bridge(0).into(), subnet.into(), host.into()];
    objects.extend((1..=4).map(|n| Object::from(bridge_port(n, 0))));
    world(objects, (1..=4).map(|n| local(n, n.into())).collect())
}

/// All of a world, with every other id that tests use known to be absent.
pub(crate) fn snapshot(world: &World) -> Snapshot {
    let ids = (0..4)
        .map(|n| ObjectId::from(bridge_id(n)))
        .chain((0..16).map(|n| port_id(n).into()))
        .chain(super::random_filters::ids());
    let changes: Vec<Change> = ids
        .map(Change::Gone)
        .chain(world.objects.iter().cloned().map(Change::Put))
        .collect();
    let (snapshot, _) = Snapshot::default().apply(1, &changes);
    let established = match world.keeps {
        true => Established::Keep,
        false => Established::Sever,
    };
    snapshot
        .with_local(&world.local)
        .0
        .with_established(established)
        .0
}

/// A world's learned entries that are not too old.
pub(crate) struct Table<'a>(pub(crate) &'a World);

impl Learned for Table<'_> {
    fn mac(&self, bridge: BridgeId, vlan: u16, mac: MacAddr, now: Time) -> Option<PortId> {
        let now = Duration::from_millis(now.0);
        let entry = self
            .0
            .learned
            .iter()
            .find(|entry| (entry.bridge, entry.vlan, entry.mac) == (bridge, vlan, mac))?;
        (now.saturating_sub(entry.used) < self.0.ageing).then_some(entry.port)
    }
}
