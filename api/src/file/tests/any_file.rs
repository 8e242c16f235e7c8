//! Any file: applied twice it does nothing more, and what is exported is what there is.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use proptest::prelude::*;
use proptest::sample::subsequence;
use weft_topology::port::Port;
use weft_topology::{MacAddr, Object};
use weft_wire::topology_file::{
    BridgeEntry, HostEntry, MacPlace, OptionEntry, PortEntry, RouteEntry, SubnetEntry, TopologyFile,
};

use super::any_filter::filters;
use super::{absent, after, applied, differences};
use crate::file::{Plan, export, plan};
use crate::model::Model;

pub(super) fn mac(n: u8) -> MacAddr {
    MacAddr::new(2, 0, 0, 0, 0, n)
}

pub(super) fn keys() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(vec!["a", "b c", "ä.\"x\"", "d-1"], 0..4)
}

fn option_entries() -> impl Strategy<Value = Vec<OptionEntry>> {
    let entry = prop_oneof![Just(("66", "10.0.0.9")), Just(("tftp-server", "hex:0a0b"))];
    let entry = entry.prop_map(|(name, value)| OptionEntry {
        name: name.to_owned(),
        value: value.to_owned(),
    });
    proptest::collection::vec(entry, 0..3)
}

prop_compose! {
    fn hosts(net: u8)(
        of in proptest::collection::btree_map(1..9u8, (1..250u8, any::<bool>(), option_entries()), 0..4),
    ) -> BTreeMap<MacAddr, HostEntry> {
        of.into_iter().map(|(n, (last, named, options))| (mac(n), HostEntry {
            address: Ipv4Addr::new(10, 0, net, last),
            name: named.then(|| format!("vm{n}")),
            options,
        })).collect()
    }
}

prop_compose! {
    fn subnet(net: u8)(
        enabled in any::<bool>(),
        gateway in proptest::option::of(1..250u8),
        server in proptest::option::of(1..250u8),
        dns in proptest::collection::vec(1..250u8, 0..3),
        mtu in proptest::option::of(68..9000u16),
        lease_seconds in proptest::option::of(1..9000u32),
        route in any::<bool>(),
        options in option_entries(),
        host in hosts(net),
    ) -> SubnetEntry {
        let addr = |last: u8| Ipv4Addr::new(10, 0, net, last);
        let to = Ipv4Net::new(Ipv4Addr::new(10, 9, 0, 0), 16).unwrap();
        SubnetEntry {
            enabled,
            gateway: gateway.map(addr),
            server: server.map(addr),
            dns: dns.into_iter().map(addr).collect(),
            mtu,
            lease_seconds,
            routes: if route { vec![RouteEntry { to, via: addr(1) }] } else { Vec::new() },
            options,
            host,
        }
    }
}

prop_compose! {
    fn bridge()(
        tenant in proptest::option::of(Just("demo".to_owned())),
        up in any::<bool>(),
        mtu in proptest::option::of(68..9000u16),
        vlan_aware in any::<bool>(),
        name in proptest::option::of(prop_oneof![Just("same".to_owned()), Just(String::new())]),
        id in proptest::option::of(any::<u128>()),
        arp in proptest::collection::btree_map(1..250u8, 1..9u8, 0..3),
        places in proptest::collection::vec((1..9u8, 0..4u16), 0..3),
        subnets in (proptest::option::of(subnet(1)), proptest::option::of(subnet(2))),
        ports in keys(),
        facts in proptest::collection::vec((any::<bool>(), proptest::option::of(1..4000u16), any::<u128>()), 4),
    ) -> BridgeEntry {
        let nets = [subnets.0, subnets.1].into_iter().zip([1, 2]);
        let port: BTreeMap<String, PortEntry> = ports.into_iter().zip(facts).map(|(key, (up, vlan, n))| {
            (key.to_owned(), PortEntry {
                up,
                vlan,
                vif: up.then(|| uuid::Uuid::from_u128(n)),
                id: (n % 3 == 0).then(|| uuid::Uuid::from_u128(n)),
                ..PortEntry::default()
            })
        }).collect();
        let mut seen = std::collections::BTreeSet::new();
        let first = port.keys().next().cloned();
        let mac_places = places.into_iter().filter(|place| seen.insert(*place)).filter_map(|(n, vlan)| {
            Some(MacPlace { mac: mac(n), port: first.clone()?, vlan })
        });
        BridgeEntry {
            id: id.map(uuid::Uuid::from_u128),
            name,
            tenant,
            up,
            mtu,
            vlan_aware,
            arp: arp.into_iter().map(|(last, n)| (IpAddr::from([10, 0, 1, last]), mac(n))).collect(),
            mac: mac_places.collect(),
            subnet: nets.filter_map(|(subnet, net)| {
                Some((Ipv4Net::new(Ipv4Addr::new(10, 0, net, 0), 24).unwrap(), subnet?))
            }).collect(),
            port,
            ..BridgeEntry::default()
        }
    }
}

prop_compose! {
    fn any_file(name: Option<&'static str>)(
        keys in keys(),
        bridges in proptest::collection::vec(bridge(), 4),
        link in any::<bool>(),
        filters in filters(),
    ) -> TopologyFile {
        let mut bridge: BTreeMap<String, BridgeEntry> =
            keys.into_iter().map(str::to_owned).zip(bridges).collect();
        // The first port of a bridge is linked to the last of another.
        let places: Vec<(String, String)> = bridge.iter()
            .filter_map(|(key, entry)| Some((key.clone(), entry.port.keys().next()?.clone())))
            .collect();
        if link && let [(one, port), (other, peer), ..] = places.as_slice() {
            let entry = bridge.get_mut(one).unwrap().port.get_mut(port).unwrap();
            entry.peer = Some(format!("{other}/{peer}"));
        }
        let (ports, bridges): (Vec<_>, Vec<_>) = (places, bridge.keys().cloned().collect());
        let mut file = TopologyFile { name: name.map(str::to_owned), bridge, ..TopologyFile::default() };
        filters.put_into(&mut file, &ports, &bridges);
        file
    }
}

/// A file through the text that people see.
fn through_text(file: &TopologyFile) -> TopologyFile {
    toml::from_str(&toml::to_string_pretty(file).unwrap()).unwrap()
}

/// Two objects were given one id, which shrinking does: of two files, or of two bridges or chains.
fn is_about_ids(refused: &str) -> bool {
    let words = [
        "is managed by the file",
        "is the same object",
        "cannot move",
    ];
    words.iter().any(|word| refused.contains(word))
}

/// Fewer cases than usual, unless many are asked for: each is a network.
fn config() -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(48),
    }
}

proptest! {
    #![proptest_config(config())]
    #[test]
    fn what_is_applied_is_there_and_a_second_time_there_is_nothing_to_do(
        first in any_file(Some("f")), second in any_file(Some("f")), other in any_file(None),
    ) {
        let (model, _) = applied(&Model::default(), &other);
        for file in [&first, &second, &first] {
            let planned = match plan(&model, file, &absent) {
                Ok(Plan { planned, .. }) => planned,
                Err(refused) => {
                    let refused = refused.to_string();
                    prop_assert!(is_about_ids(&refused), "{}", refused);
                    return Ok(());
                }
            };
            let model = after(&model, planned);
            prop_assert_eq!(differences(&model, file), Vec::new());
            prop_assert_eq!(differences(&model, &through_text(file)), Vec::new());
        }
    }

    #[test]
    fn what_is_exported_is_what_there_is_here_and_elsewhere(
        named in any_file(Some("f")), other in any_file(None),
    ) {
        let (model, _) = applied(&Model::default(), &other);
        let planned = match plan(&model, &named, &absent) {
            Ok(Plan { planned, .. }) => planned,
            Err(refused) => {
                let refused = refused.to_string();
                prop_assert!(is_about_ids(&refused), "{}", refused);
                return Ok(());
            }
        };
        let model = after(&model, planned);
        for name in [None, Some("f")] {
            let Ok(shown) = export(&model, name, false) else {
                let empty = TopologyFile { name: Some("f".to_owned()), ..TopologyFile::default() };
                prop_assert_eq!(&named, &empty);
                continue;
            };
            let shown = through_text(&shown.file);
            prop_assert_eq!(differences(&model, &shown), Vec::new());
            let (there, _) = applied(&Model::default(), &shown);
            let again = export(&there, name, false);
            prop_assert_eq!(again.unwrap().file, shown.clone());
            if name.is_none() {
                let bare = |model: &Model| model.topology.objects().map(|object| match object {
                    Object::Port(port) => Port { tunnel_key: 1, ..Port::clone(port) }.into(),
                    other => other.clone(),
                }).collect::<Vec<Object>>();
                prop_assert_eq!(bare(&model), bare(&there));
            }
        }
    }
}
