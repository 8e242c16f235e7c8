//! Any chains and groups of a file, and any use of them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use weft_topology::chain::{FragmentPolicy, MaskedMac, NatVerdict, PortRange};
use weft_topology::text::{EtherType, Prefix, Protocol};
use weft_wire::text::Text;
use weft_wire::topology_file::{
    ActionEntry, AddressGroupEntry, ChainEntry, PairEntry, PortGroupEntry, RuleEntry, Tests,
    TopologyFile,
};

use super::any_file::{keys, mac};

/// A rule whose names of other objects are numbers, to be taken for keys.
#[derive(Clone, Debug)]
struct AnyRule {
    entry: RuleEntry,
    names: [usize; 4],
}

#[derive(Clone, Debug)]
pub(super) struct Filters {
    chains: Vec<&'static str>,
    port_groups: Vec<&'static str>,
    address_groups: Vec<&'static str>,
    rules: Vec<Vec<AnyRule>>,
    names: Vec<Option<String>>,
    ids: Vec<Option<u128>>,
    addresses: Vec<Vec<Text<Prefix>>>,
    picks: Vec<usize>,
    pairs: Vec<Option<u8>>,
}

fn prefix() -> impl Strategy<Value = Text<Prefix>> {
    let texts = ["10.0.0.0/8", "10.0.0.5", "0.0.0.0/0", "10.9.0.0/16"];
    select(texts.to_vec()).prop_map(|text| Text(text.parse().unwrap()))
}

fn ports() -> impl Strategy<Value = Text<PortRange>> {
    (0..9u16, 0..9u16).prop_map(|(first, more)| {
        let last = first + more;
        Text(PortRange { first, last })
    })
}

prop_compose! {
    fn tests()(
        ether_type in proptest::option::weighted(0.2, select(vec![0x0800, 0x0806, 0x88cc])),
        protocol in proptest::option::weighted(0.3, select(vec![1, 6, 17, 89])),
        vlan in proptest::option::weighted(0.2, 0..4u16),
        tos in proptest::option::weighted(0.2, any::<u8>()),
        source in proptest::option::weighted(0.3, prefix()),
        destination in proptest::option::weighted(0.3, prefix()),
        source_port in proptest::option::weighted(0.2, ports()),
        destination_port in proptest::option::weighted(0.2, ports()),
        masked in proptest::option::weighted(0.2, any::<bool>()),
    ) -> Tests {
        let whole = MaskedMac::from(mac(1));
        let half = MaskedMac { mask: mac(0), ..MaskedMac::from(mac(0)) };
        Tests {
            ether_type: ether_type.map(|value| Text(EtherType(value))),
            protocol: protocol.map(|value| Text(Protocol(value))),
            vlan,
            tos,
            source,
            destination,
            source_port,
            destination_port,
            mac_source: masked.map(|masked| Text(if masked { half } else { whole })),
            ..Tests::default()
        }
    }
}

/// Those of `not` that `when` does not test, too.
fn beside(when: &Tests, not: Tests) -> Tests {
    fn free<T, U>(when: &Option<T>, not: Option<U>) -> Option<U> {
        not.filter(|_| when.is_none())
    }
    Tests {
        ether_type: free(&when.ether_type, not.ether_type),
        protocol: free(&when.protocol, not.protocol),
        vlan: free(&when.vlan, not.vlan),
        tos: free(&when.tos, not.tos),
        source: free(&when.source, not.source),
        destination: free(&when.destination, not.destination),
        source_port: free(&when.source_port, not.source_port),
        destination_port: free(&when.destination_port, not.destination_port),
        mac_source: free(&when.mac_source, not.mac_source),
        ..Tests::default()
    }
}

fn action() -> impl Strategy<Value = ActionEntry> {
    use ActionEntry::*;
    select(vec![
        Accept, Continue, Drop, Reject, Return, Jump, Snat, Dnat, RevSnat, RevDnat,
    ])
}

prop_compose! {
    fn rule()(
        action in action(),
        when in tests(),
        not in tests(),
        (original, reply, invert, whole) in any::<(bool, bool, bool, bool)>(),
        id in proptest::option::weighted(0.2, any::<u128>()),
        log in proptest::option::weighted(0.2, Just("web".to_owned())),
        names in any::<[prop::sample::Index; 4]>(),
        ports in proptest::option::of((1..9u16, 0..9u16)),
        then in proptest::option::of(select(vec![NatVerdict::Return, NatVerdict::Continue])),
    ) -> AnyRule {
        let is_nat = matches!(action, ActionEntry::Snat | ActionEntry::Dnat);
        let is_reverse = matches!(action, ActionEntry::RevSnat | ActionEntry::RevDnat);
        let target = match ports {
            Some((first, more)) => format!("10.0.0.5-10.0.0.6 port {first}-{}", first + more),
            None => "10.0.0.5".to_owned(),
        };
        AnyRule {
            entry: RuleEntry {
                id: id.map(uuid::Uuid::from_u128),
                action,
                chain: None,
                targets: if is_nat { vec![Text(target.parse().unwrap())] } else { Vec::new() },
                then: then.filter(|_| is_nat || is_reverse),
                fragments: whole.then_some(FragmentPolicy::Unfragmented),
                invert,
                log,
                not: beside(&when, not),
                when: Tests { original, reply, ..when },
            },
            names: names.map(|name| name.index(1000)),
        }
    }
}

prop_compose! {
    pub(super) fn filters()(
        chains in keys(),
        port_groups in keys(),
        address_groups in keys(),
        rules in proptest::collection::vec(proptest::collection::vec(rule(), 0..4), 4),
        names in proptest::collection::vec(proptest::option::of(Just("same".to_owned())), 12),
        ids in proptest::collection::vec(proptest::option::weighted(0.3, any::<u128>()), 12),
        addresses in proptest::collection::vec(proptest::collection::vec(prefix(), 0..3), 4),
        picks in proptest::collection::vec(0..1000usize, 16),
        pairs in proptest::collection::vec(proptest::option::of(0..3u8), 16),
    ) -> Filters {
        Filters { chains, port_groups, address_groups, rules, names, ids, addresses, picks, pairs }
    }
}

/// One of some keys, or none.
fn pick(keys: &[&str], number: usize) -> Option<String> {
    let key = keys.get(number % (keys.len() + 1))?;
    Some((*key).to_owned())
}

impl Filters {
    pub(super) fn put_into(
        self,
        file: &mut TopologyFile,
        ports: &[(String, String)],
        bridges: &[String],
    ) {
        let mut names = self.names.clone().into_iter();
        let mut ids = self.ids.clone().into_iter();
        let mut identity = || {
            let id = ids.next().flatten().map(uuid::Uuid::from_u128);
            (id, names.next().flatten())
        };
        for (place, key) in self.chains.iter().enumerate() {
            let (id, name) = identity();
            let rules = self.rules[place].iter();
            let rule = rules.filter_map(|rule| self.rule(rule, place, ports));
            let entry = ChainEntry {
                id,
                name,
                tenant: None,
                rule: rule.collect(),
            };
            file.chain.insert((*key).to_owned(), entry);
        }
        for key in &self.port_groups {
            let (id, name) = identity();
            let entry = PortGroupEntry {
                id,
                name,
                tenant: Some("t".to_owned()),
                stateful: id.is_some(),
            };
            file.port_group.insert((*key).to_owned(), entry);
        }
        for (key, addresses) in self.address_groups.iter().zip(&self.addresses) {
            let (id, name) = identity();
            let unique: BTreeMap<String, _> =
                addresses.iter().map(|it| (it.0.to_string(), *it)).collect();
            let entry = AddressGroupEntry {
                id,
                name,
                tenant: None,
                addresses: unique.into_values().collect(),
            };
            file.address_group.insert((*key).to_owned(), entry);
        }
        let mut picks = self.picks.iter().copied().cycle();
        let mut pairs = self.pairs.iter().copied().cycle();
        let mut number = || picks.next().unwrap_or(0);
        for key in bridges {
            let Some(bridge) = file.bridge.get_mut(key) else {
                continue;
            };
            bridge.inbound = pick(&self.chains, number());
            bridge.outbound = pick(&self.chains, number());
            for port in bridge.port.values_mut() {
                port.inbound = pick(&self.chains, number());
                port.outbound = pick(&self.chains, number());
                port.groups = pick(&self.port_groups, number()).into_iter().collect();
                let count = pairs.next().flatten();
                port.security = count.map(|count| {
                    let pair = |n| PairEntry {
                        mac: mac(n + 1),
                        prefix: Text("10.0.0.0/24".parse().unwrap()),
                    };
                    (0..count).map(pair).collect()
                });
            }
        }
    }

    /// A rule of a chain; a jump goes to a later one, so that there is no circle.
    fn rule(&self, rule: &AnyRule, chain: usize, ports: &[(String, String)]) -> Option<RuleEntry> {
        let mut entry = rule.entry.clone();
        let [a, b, c, d] = rule.names;
        if entry.action == ActionEntry::Jump {
            let later = self.chains.get(chain + 1..)?;
            entry.chain = Some((*later.get(a % later.len().max(1))?).to_owned());
        }
        let side = if a % 2 == 0 {
            &mut entry.when
        } else {
            &mut entry.not
        };
        side.port_group = pick(&self.port_groups, b);
        side.out_port_group = pick(&self.port_groups, c);
        side.source_group = pick(&self.address_groups, d);
        if b % 3 == 0
            && let Some((bridge, port)) = ports.get(c % ports.len().max(1))
        {
            let strange = uuid::Uuid::from_u128(d as u128).to_string();
            side.in_ports = vec![format!("{bridge}/{port}"), strange];
        }
        Some(entry)
    }
}
