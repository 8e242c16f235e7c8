//! What is refused in a single field, and by which name it is told.

mod common;

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};
use weft_topology::bridge::{ArpEntry, MacEntry};
use weft_topology::chain::{AddressGroupMember, RuleAction, Test};
use weft_topology::dhcp::{Dhcp6Host, Dhcp6Subnet, Ipv6Mode, StaticRoute};
use weft_topology::host::TunnelZoneHost;
use weft_topology::port::{AddressPair, PortDevice, PortSecurity};
use weft_topology::router::NextHop;
use weft_topology::{MacAddr, Object, Problem, Topology};

use common::*;

fn v4(text: &str) -> Ipv4Addr {
    text.parse().expect("an address")
}

fn net(text: &str) -> IpNet {
    text.parse().expect("a prefix")
}

const GROUP_MAC: MacAddr = MacAddr(1, 0, 0x5e, 0, 0, 1);

#[test]
fn an_interfaces_name_is_one_that_linux_takes() {
    let with = |name: &str| changed(port(1, 1), |port| port.binding = binding(7, name));
    for name in ["tap1", "x", "tap0123456789ab", "veth.7", "ü"] {
        assert!(is_fine(with(name)), "{name:?}");
    }
    for name in [
        "",
        "tap0123456789abc",
        "a b",
        "a/b",
        "a:b",
        "a\tb",
        ".",
        "..",
        "a\0",
        "üüüüüüüü",
    ] {
        let expected = Problem::InterfaceName(name.to_owned());
        assert_eq!(problem(with(name), "binding"), expected);
    }
}

#[test]
fn numbers_stay_within_their_ranges() {
    let out = |value, least, most| Problem::OutOfRange { value, least, most };
    let key = |key| changed(port(1, 1), |port| port.tunnel_key = key);
    let most = (1 << 22) - 1;
    assert!(is_fine(key(1)) && is_fine(key(most)));
    assert_eq!(problem(key(0), "tunnel_key"), out(0, 1, most.into()));
    assert_eq!(
        problem(key(most + 1), "tunnel_key"),
        out(1 << 22, 1, most.into())
    );

    let vlan = |vlan| changed(port(1, 1), |port| port.vlan = Some(vlan));
    assert!(is_fine(vlan(1)) && is_fine(vlan(4094)));
    assert_eq!(problem(vlan(0), "vlan"), out(0, 1, 4094));
    assert_eq!(problem(vlan(4095), "vlan"), out(4095, 1, 4094));

    let entry = |vlan| MacEntry::new(bridge_id(1), vlan, mac(1), port_id(1));
    assert!(is_fine(entry(0)) && is_fine(entry(4094)));
    assert_eq!(problem(entry(4095), "vlan"), out(4095, 0, 4094));

    let mtu = |mtu| changed(bridge(1), |bridge| bridge.mtu = Some(mtu));
    assert!(is_fine(mtu(68)) && is_fine(mtu(65535)));
    assert_eq!(problem(mtu(67), "mtu"), out(67, 68, 65535));
    let mtu = changed(subnet(1), |subnet| subnet.interface_mtu = Some(0));
    assert_eq!(problem(mtu, "interface_mtu"), out(0, 68, 65535));

    let lease = changed(subnet(1), |subnet| subnet.lease_seconds = Some(0));
    assert_eq!(problem(lease, "lease_seconds"), out(0, 1, u32::MAX.into()));
}

#[test]
fn a_station_has_a_unicast_mac() {
    for bad in [GROUP_MAC, MacAddr::broadcast(), MacAddr::zero()] {
        let expected = Problem::NotUnicastMac(bad);
        let entry = MacEntry::new(bridge_id(1), 0, bad, port_id(1));
        assert_eq!(problem(entry, "mac"), expected);
        let entry = ArpEntry::new(bridge_id(1), [10, 0, 0, 1].into(), bad);
        assert_eq!(problem(entry, "mac"), expected);
        let host = changed(dhcp_host(1, 1), |host| {
            host.mac = bad;
            host.id = weft_topology::dhcp::DhcpHost::id_of(host.subnet, bad);
        });
        assert_eq!(problem(host, "mac"), expected);
        let port = changed(router_port(1, 9), |port| {
            if let PortDevice::Router { mac, .. } = &mut port.device {
                *mac = bad;
            }
        });
        assert_eq!(problem(port, "device"), expected);
    }
}

#[test]
fn a_host_has_a_unicast_address() {
    for bad in ["0.0.0.0", "224.0.0.1", "255.255.255.255"].map(v4) {
        let expected = Problem::NotUnicast(bad.into());
        let server = changed(subnet(1), |subnet| subnet.server_addr = Some(bad));
        assert_eq!(problem(server, "server_addr"), expected);
        let gateway = changed(subnet(1), |subnet| subnet.default_gateway = Some(bad));
        assert_eq!(problem(gateway, "default_gateway"), expected);
        let dns = changed(subnet(1), |subnet| subnet.dns_servers.push(bad));
        assert_eq!(problem(dns, "dns_servers"), expected);
        let entry = ArpEntry::new(bridge_id(1), bad.into(), mac(1));
        assert_eq!(problem(entry, "ip"), expected);
        let member = TunnelZoneHost::new(chain_id(1).0.into(), host_id(7), bad.into());
        assert_eq!(problem(member, "addr"), expected);
    }
}

#[test]
fn a_dhcp_host_has_an_address_that_a_network_card_can_have() {
    for bad in [
        "0.0.0.0",
        "0.0.0.9",
        "127.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
    ]
    .map(v4)
    {
        let host = changed(dhcp_host(1, 9), |host| host.addr = bad);
        assert_eq!(problem(host, "addr"), Problem::NotUnicast(bad.into()));
    }
}

#[test]
fn a_dhcp_subnet_is_neither_everything_nor_multicast_nor_loopback() {
    let of = |text: &str| {
        changed(subnet(1), |subnet| {
            subnet.prefix = text.parse().expect("a prefix");
            subnet.id = weft_topology::dhcp::DhcpSubnet::id_of(subnet.bridge, subnet.prefix);
        })
    };
    for bad in [
        "0.0.0.0/0",
        "224.0.0.0/4",
        "239.1.2.0/24",
        "127.0.0.0/8",
        "127.0.0.0/24",
    ] {
        assert!(
            matches!(problem(of(bad), "prefix"), Problem::NotASubnet { prefix, .. } if prefix == net(bad)),
            "{bad}"
        );
    }
    for good in [
        "10.0.0.0/8",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "198.51.100.7/32",
        "128.0.0.0/2",
    ] {
        assert!(is_fine(of(good)), "{good}");
    }
}

#[test]
fn bits_beyond_a_prefix_are_zero() {
    let bad = net("10.0.0.1/24");
    let expected = Problem::HostBits(bad);
    let route_to = changed(route(1, 9, 1), |route| route.destination = bad);
    assert_eq!(problem(route_to, "destination"), expected);
    let route_from = changed(route(1, 9, 1), |route| route.source = bad);
    assert_eq!(problem(route_from, "source"), expected);
    let subnet_of = changed(subnet(1), |subnet| {
        subnet.prefix = Ipv4Net::new_assert(v4("10.0.0.1"), 24);
    });
    assert_eq!(problem(subnet_of, "prefix"), expected);
    let opt121 = changed(subnet(1), |subnet| {
        subnet.static_routes.push(StaticRoute {
            destination: Ipv4Net::new_assert(v4("10.0.0.1"), 24),
            gateway: v4("10.0.0.9"),
        });
    });
    assert_eq!(problem(opt121, "static_routes"), expected);
    let pair = changed(port(1, 1), |port| {
        let pairs = vec![AddressPair {
            mac: mac(1),
            prefix: bad,
        }];
        port.security = Some(PortSecurity { pairs });
    });
    assert_eq!(problem(pair, "security"), expected);
    let tested = changed(rule(1, 1, RuleAction::Accept), |rule| {
        rule.condition.source = Some(Test {
            value: bad,
            invert: false,
        });
    });
    assert_eq!(problem(tested, "condition.source"), expected);
    let member = changed(
        AddressGroupMember::new(bridge_id(1).0.into(), net("10.0.0.0/24")),
        |member| member.prefix = bad,
    );
    assert_eq!(problem(member, "prefix"), expected);
}

#[test]
fn families_are_not_mixed() {
    let is_mixed = |problem| matches!(problem, Problem::Families(..));
    let v6 = net("2001:db8::/32");
    let mixed = changed(route(1, 9, 1), |route| route.destination = v6);
    assert!(is_mixed(problem(mixed, "source")));
    let mixed = changed(route(1, 9, 1), |route| {
        route.next_hop = NextHop::Port {
            port: port_id(1),
            gateway: Some("fe80::1".parse().unwrap()),
        };
    });
    assert!(is_mixed(problem(mixed, "next_hop")));
    let mixed = changed(rule(1, 1, RuleAction::Accept), |rule| {
        rule.condition.source = Some(Test {
            value: v6,
            invert: false,
        });
        rule.condition.destination = Some(Test {
            value: net("10.0.0.0/8"),
            invert: false,
        });
    });
    assert!(is_mixed(problem(mixed, "condition.source")));
}

#[test]
fn ids_are_those_that_their_keys_give() {
    let other = changed(
        MacEntry::new(bridge_id(1), 0, mac(1), port_id(1)),
        |entry| entry.vlan = 5,
    );
    let expected = MacEntry::new(bridge_id(1), 5, mac(1), port_id(1)).id.0;
    assert_eq!(problem(other, "id"), Problem::WrongId { expected });
    let other = changed(dhcp_host(1, 1), |host| host.mac = mac(9));
    assert!(matches!(problem(other, "id"), Problem::WrongId { .. }));
    let other = changed(subnet(1), |subnet| subnet.bridge = bridge_id(2));
    assert!(matches!(problem(other, "id"), Problem::WrongId { .. }));
}

#[test]
fn a_port_is_bound_or_linked_and_not_its_own_peer() {
    let both = changed(port(1, 1), |port| {
        port.binding = binding(7, "tap1");
        port.peer = Some(port_id(2));
    });
    assert!(matches!(
        problem(both, "binding"),
        Problem::MustBeEmpty { .. }
    ));
    let own = changed(port(1, 1), |port| port.peer = Some(port.id));
    assert_eq!(problem(own, "peer"), Problem::OwnPeer);
    let tagged = changed(router_port(1, 9), |port| port.vlan = Some(5));
    assert!(matches!(
        problem(tagged, "vlan"),
        Problem::MustBeEmpty { .. }
    ));
}

#[test]
fn a_dhcp_host_has_a_hosts_address_of_its_subnet() {
    let before = Topology::default()
        .apply([put(bridge(1)), put(subnet(1))])
        .unwrap()
        .topology;
    let at = |addr: &str| changed(dhcp_host(1, 9), |host| host.addr = v4(addr));
    assert!(
        before
            .apply([put(at("10.0.0.1")), put(at("10.0.0.254"))])
            .is_ok()
    );
    let prefix: IpNet = prefix().into();
    for (bad, expected) in [
        (
            "10.0.1.1",
            Problem::Outside {
                addr: v4("10.0.1.1").into(),
                prefix,
            },
        ),
        (
            "10.0.0.0",
            Problem::NotAHost {
                addr: v4("10.0.0.0").into(),
                prefix,
            },
        ),
        (
            "10.0.0.255",
            Problem::NotAHost {
                addr: v4("10.0.0.255").into(),
                prefix,
            },
        ),
    ] {
        let violations = refused(&before, vec![put(at(bad))]);
        assert_eq!(
            (violations[0].field, &violations[0].problem),
            ("addr", &expected)
        );
    }

    let tiny = Ipv4Net::new_assert(v4("10.9.0.0"), 31);
    let point_to_point = changed(subnet(1), |subnet| {
        subnet.prefix = tiny;
        subnet.id = weft_topology::dhcp::DhcpSubnet::id_of(bridge_id(1), tiny);
    });
    let first = changed(dhcp_host(1, 9), |host| {
        host.subnet = point_to_point.id;
        host.id = weft_topology::dhcp::DhcpHost::id_of(host.subnet, host.mac);
        host.addr = v4("10.9.0.0");
    });
    assert!(before.apply([put(point_to_point), put(first)]).is_ok());
}

#[test]
fn a_dhcp_host_is_of_its_subnets_bridge() {
    let before = Topology::default()
        .apply([put(bridge(1)), put(bridge(2)), put(subnet(1))])
        .unwrap()
        .topology;
    let astray = changed(dhcp_host(1, 9), |host| host.bridge = bridge_id(2));
    assert_eq!(refused(&before, vec![put(astray)])[0].field, "bridge");
}

#[test]
fn an_ipv6_host_is_in_its_subnet_and_has_a_client_id() {
    let prefix = "2001:db8::/64".parse().unwrap();
    let subnet = Dhcp6Subnet {
        id: Dhcp6Subnet::id_of(bridge_id(1), prefix),
        bridge: bridge_id(1),
        prefix,
        dns_servers: Vec::new(),
        mode: Ipv6Mode::DhcpStateful,
    };
    let host = |client: &str, addr: &str| Dhcp6Host {
        id: Dhcp6Host::id_of(subnet.id, client),
        subnet: subnet.id,
        bridge: bridge_id(1),
        client_id: client.to_owned(),
        addr: addr.parse().unwrap(),
        name: None,
    };
    assert_eq!(
        problem(host("", "2001:db8::1"), "client_id"),
        Problem::Empty
    );
    let before = Topology::default()
        .apply([put(bridge(1)), put(subnet.clone())])
        .unwrap()
        .topology;
    assert!(before.apply([put(host("0001", "2001:db8::1"))]).is_ok());
    let violations = refused(&before, vec![put(host("0001", "2001:db9::1"))]);
    assert!(matches!(violations[0].problem, Problem::Outside { .. }));
}

#[test]
fn a_message_names_object_field_and_fault() {
    let violation = &Object::from(changed(bridge(1), |bridge| bridge.mtu = Some(9))).check()[0];
    assert_eq!(
        violation.to_string(),
        "bridge/00000000-0000-0000-0000-000000000001: field 'mtu': 9 is not within 68 to 65535"
    );
}
