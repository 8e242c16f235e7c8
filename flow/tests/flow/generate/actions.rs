//! Strategies for actions.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use weft_flow::action::{Ct, Nat, NatDirection, SetField, Userspace};
use weft_flow::key::UnknownAttr;
use weft_flow::present::{VLAN_PRESENT, ethertype};
use weft_flow::{Action, FlowKey, Header};

use super::{bits, tunnel};

/// Lists of actions.
pub(crate) fn actions() -> impl Strategy<Value = Vec<Action>> {
    let leaf = prop_oneof![
        any::<u16>().prop_map(|port| Action::Output(port.into())),
        userspace().prop_map(Action::Userspace),
        set(),
        tunnel().prop_map(|(values, options)| {
            let mut key = FlowKey::new();
            for (field, value) in values {
                key.set(field, value);
            }
            key.tunnel_options = options;
            Action::SetTunnel(Box::new(key))
        }),
        (
            select(vec![ethertype::VLAN, ethertype::SERVICE_VLAN]),
            any::<u16>()
        )
            .prop_map(|(tpid, bits)| Action::PushVlan {
                tpid,
                tci: bits | VLAN_PRESENT
            }),
        Just(Action::PopVlan),
        any::<u32>().prop_map(Action::Recirc),
        ct().prop_map(Action::Ct),
        any::<u32>().prop_map(Action::Meter),
        any::<u32>().prop_map(Action::Drop),
        any::<u32>().prop_map(Action::Truncate),
        (60..80u16, vec(any::<u8>(), 0..20))
            .prop_map(|(kind, payload)| Action::Unknown(UnknownAttr { kind, payload })),
    ];
    let tree = leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Action::Clone),
            (any::<u16>(), vec(inner.clone(), 0..3), vec(inner, 0..3)).prop_map(
                |(length, greater, less_or_equal)| Action::CheckPktLen {
                    length,
                    greater,
                    less_or_equal,
                }
            ),
        ]
    });
    vec(tree, 0..6)
}

fn userspace() -> impl Strategy<Value = Userspace> {
    let parts = (
        any::<u32>(),
        vec(any::<u8>(), 0..20),
        any::<bool>(),
        option::of(any::<u16>()),
    );
    parts.prop_map(|(pid, userdata, with_actions, port)| Userspace {
        pid,
        userdata,
        with_actions,
        egress_tunnel_port: port.map(u32::from),
    })
}

fn set() -> impl Strategy<Value = Action> {
    let settable: Vec<_> = Header::ALL
        .iter()
        .copied()
        .filter(|header| header.is_settable())
        .collect();
    select(settable).prop_flat_map(|header| {
        let fields: Vec<_> = header
            .fields()
            .map(|field| {
                (any::<u128>(), bits(field)).prop_map(move |(value, mask)| SetField {
                    field,
                    value,
                    mask,
                })
            })
            .collect();
        fields
            .prop_filter("writes something", |fields| {
                fields.iter().any(|set| set.mask != 0)
            })
            .prop_map(move |fields| Action::set_masked(header, fields))
    })
}

fn ct() -> impl Strategy<Value = Ct> {
    let name = || option::of("[a-z][a-z0-9_]{0,14}");
    let parts = (
        select(vec![(false, false), (true, false), (true, true)]),
        any::<u16>(),
        option::of(any::<(u32, u32)>()),
        option::of(any::<(u128, u128)>()),
        name(),
        option::of(nat()),
        option::of(any::<u32>()),
        name(),
    );
    parts.prop_map(
        |((commit, force), zone, mark, labels, helper, nat, event_mask, timeout)| Ct {
            commit,
            force,
            zone,
            mark,
            labels,
            helper,
            nat,
            event_mask,
            timeout,
        },
    )
}

fn nat() -> impl Strategy<Value = Nat> {
    let addresses = prop_oneof![
        any::<(std::net::Ipv4Addr, std::net::Ipv4Addr)>().prop_map(|(a, b)| (a.into(), b.into())),
        any::<(std::net::Ipv6Addr, std::net::Ipv6Addr)>().prop_map(|(a, b)| (a.into(), b.into())),
        any::<std::net::Ipv4Addr>().prop_map(|a| (a.into(), a.into())),
    ];
    let directed = (
        select(vec![NatDirection::Source, NatDirection::Destination]),
        option::of(addresses),
        option::of(prop_oneof![
            any::<(u16, u16)>(),
            any::<u16>().prop_map(|port| (port, port))
        ]),
        any::<[bool; 3]>(),
    );
    prop_oneof![
        1 => Just(Nat::default()),
        4 => directed.prop_map(|(direction, addresses, ports, [persistent, proto_hash, proto_random])| Nat {
            direction: Some(direction),
            addresses,
            ports,
            persistent,
            proto_hash,
            proto_random,
        }),
    ]
}
