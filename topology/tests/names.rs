//! Which names are refused, and by which field it is told.

mod common;

use weft_topology::chain::{AddressGroup, PortGroup, RuleAction};
use weft_topology::dhcp::Dhcp6Host;
use weft_topology::host::{Encapsulation, Host, TunnelZone};
use weft_topology::{Object, Problem};

use common::*;

/// Every kind of object with a name, called so.
fn named(name: &str) -> Vec<(Object, &'static str)> {
    let id = bridge_id(1).0;
    let text = || name.to_owned();
    let mut bridge = bridge(1);
    bridge.name = text();
    let mut router = router(9);
    router.name = text();
    let mut chain = chain(1, &[]);
    chain.name = text();
    let mut rule = rule(1, 1, RuleAction::Accept);
    rule.log = Some(text());
    let mut dhcp = dhcp_host(1, 9);
    dhcp.name = Some(text());
    let subnet = id.into();
    let port_group = PortGroup {
        id: id.into(),
        tenant_id: None,
        name: text(),
        stateful: false,
    };
    let address_group = AddressGroup {
        id: id.into(),
        tenant_id: None,
        name: text(),
    };
    let zone = TunnelZone {
        id: id.into(),
        name: text(),
        encapsulation: Encapsulation::Vxlan,
    };
    let host = Host {
        id: host_id(7),
        name: text(),
        flooding_proxy_weight: 1,
    };
    let dhcp6 = Dhcp6Host {
        id: Dhcp6Host::id_of(subnet, "0001"),
        subnet,
        bridge: bridge_id(1),
        client_id: "0001".to_owned(),
        addr: "2001:db8::1".parse().expect("an address"),
        name: Some(text()),
    };
    vec![
        (bridge.into(), "name"),
        (router.into(), "name"),
        (chain.into(), "name"),
        (rule.into(), "log"),
        (dhcp.into(), "name"),
        (port_group.into(), "name"),
        (address_group.into(), "name"),
        (zone.into(), "name"),
        (host.into(), "name"),
        (dhcp6.into(), "name"),
    ]
}

#[test]
fn a_name_of_255_characters_is_taken_and_a_longer_one_is_not() {
    for (object, _) in named(&"x".repeat(255)) {
        assert_eq!(object.check(), [], "{:?}", object.kind());
    }
    for (object, field) in named(&"x".repeat(256)) {
        let violations = object.check();
        assert_eq!(violations.len(), 1, "{violations:?}");
        assert_eq!(violations[0].object, object.id());
        assert_eq!(violations[0].field, field);
        assert!(matches!(
            violations[0].problem,
            Problem::TooLong {
                length: 256,
                most: 255,
                ..
            }
        ));
    }
}

#[test]
fn a_name_has_no_control_characters() {
    for control in ['\0', '\n', '\u{1b}', '\u{7f}', '\u{85}'] {
        for (object, field) in named(&format!("a{control}b")) {
            let violations = object.check();
            assert_eq!(violations.len(), 1, "{violations:?}");
            assert_eq!(violations[0].field, field);
            assert_eq!(violations[0].problem, Problem::ControlCharacter(control));
            assert!(!violations[0].to_string().contains(control));
        }
    }
    for (object, _) in named("Netz für Gäste, 世界 #1") {
        assert_eq!(object.check(), [], "{:?}", object.kind());
    }
}

/// Others are counted in characters; what option 12 carries is counted in bytes.
#[test]
fn only_a_dhcp_hosts_name_is_counted_in_bytes() {
    for (object, _) in named(&"ü".repeat(255)) {
        let violations = object.check();
        if let Object::DhcpHost(_) = object {
            let expected = Problem::TooLong {
                length: 510,
                unit: "bytes",
                most: 255,
            };
            assert_eq!(violations[0].problem, expected);
        } else {
            assert_eq!(violations, [], "{:?}", object.kind());
        }
    }
}
