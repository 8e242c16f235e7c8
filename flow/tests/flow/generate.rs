//! Strategies: keys as a kernel extracts them, masks for them, and actions.

mod actions;

pub(crate) use actions::actions;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use weft_flow::key::{Nesting, UnknownAttr};
use weft_flow::present::{VLAN_PRESENT, ethertype, fragment, protocol};
use weft_flow::{Field, FlowKey, FlowMask, Header};

/// Fields with values.
type Values = Vec<(Field, u128)>;

fn values(fields: Vec<Field>) -> impl Strategy<Value = Values> {
    fields
        .into_iter()
        .map(|field| {
            // Small and extreme values are as likely as any.
            prop_oneof![Just(0), Just(u128::MAX), 0..20u128, any::<u128>()]
                .prop_map(move |value| (field, value & field.full()))
        })
        .collect::<Vec<_>>()
}

fn header(header: Header) -> impl Strategy<Value = Values> {
    values(header.fields().collect())
}

fn with(
    values: impl Strategy<Value = Values> + 'static,
    fixed: &[(Field, u128)],
) -> BoxedStrategy<Values> {
    let fixed = fixed.to_vec();
    values
        .prop_map(move |mut values| {
            values.extend(&fixed);
            values
        })
        .boxed()
}

fn both(one: BoxedStrategy<Values>, other: BoxedStrategy<Values>) -> BoxedStrategy<Values> {
    (one, other)
        .prop_map(|(mut one, other)| {
            one.extend(other);
            one
        })
        .boxed()
}

fn metadata() -> impl Strategy<Value = Values> {
    use Field as F;
    (
        values(vec![
            F::RecircId,
            F::SkbPriority,
            F::SkbMark,
            F::DpHash,
            F::CtState,
            F::CtZone,
            F::CtMark,
            F::CtLabels,
        ]),
        0..0xffffu128,
    )
        .prop_map(|(mut values, port)| {
            values.push((F::InPort, port));
            values
        })
}

/// A tunnel header's fields and options.
pub(crate) fn tunnel() -> impl Strategy<Value = (Values, Vec<u8>)> {
    use Field as F;
    let addresses = prop_oneof![
        values(vec![F::TunV4Src, F::TunV4Dst]),
        values(vec![F::TunV6Src, F::TunV6Dst]),
    ];
    let parts = (
        addresses,
        values(vec![F::TunTtl]),
        option::of(values(vec![F::TunId])),
        option::of(values(vec![F::TunTos])),
        option::of(values(vec![F::TunTpSrc, F::TunTpDst])),
        0..8u128,
        prop_oneof![Just(vec![]), geneve_options()],
    );
    parts.prop_map(|(mut fields, ttl, id, tos, ports, flags, options)| {
        fields.extend(ttl);
        fields.extend([id, tos, ports].into_iter().flatten().flatten());
        fields.push((F::TunFlags, flags));
        (fields, options)
    })
}

fn geneve_options() -> impl Strategy<Value = Vec<u8>> {
    vec((any::<u16>(), any::<u8>(), vec(any::<u32>(), 0..4)), 1..3).prop_map(|options| {
        let mut bytes = Vec::new();
        for (class, kind, words) in options {
            bytes.extend(class.to_be_bytes());
            bytes.push(kind);
            bytes.push(u8::try_from(words.len()).expect("few words"));
            bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        }
        bytes
    })
}

/// What follows the Ethernet header and its tags.
fn content() -> impl Strategy<Value = Values> {
    let ethertypes = prop_oneof![Just(0x88cc), Just(0x0842), 0x0900..0x1000u128];
    prop_oneof![
        1 => Just(vec![]),
        1 => ethertypes.prop_map(|kind| vec![(Field::EthType, kind)]),
        2 => arp(),
        6 => ip(Header::Ipv4, ethertype::IPV4, Header::Icmp, protocol::ICMP),
        6 => ip(Header::Ipv6, ethertype::IPV6, Header::Icmpv6, protocol::ICMPV6),
        2 => neighbour_discovery(),
    ]
}

fn arp() -> BoxedStrategy<Values> {
    with(header(Header::Arp), &[])
        .prop_flat_map(|values| {
            (
                Just(values),
                select(vec![ethertype::ARP, ethertype::RARP]),
                0..256u128,
            )
                .prop_map(|(mut values, kind, op)| {
                    values.extend([(Field::EthType, kind.into()), (Field::ArpOp, op)]);
                    values
                })
        })
        .boxed()
}

fn ip(network: Header, kind: u16, icmp: Header, icmp_protocol: u8) -> BoxedStrategy<Values> {
    let tuple = match network {
        Header::Ipv4 => Header::CtTuple4,
        _ => Header::CtTuple6,
    };
    let base = both(
        with(header(network), &[(Field::EthType, kind.into())]),
        option::of(header(tuple))
            .prop_map(Option::unwrap_or_default)
            .boxed(),
    );
    let base = match network {
        Header::Ipv4 => base,
        _ => both(base, header(Header::Ipv6Exthdrs).boxed()),
    };
    let transport = |headers: &[Header], protocol: u8| {
        let fields = headers.iter().flat_map(|header| header.fields()).collect();
        let proto = (Field::IpProto, u128::from(protocol));
        (
            with(values(fields), &[proto]),
            select(vec![fragment::NO, fragment::FIRST]),
        )
            .prop_map(|(mut values, frag)| {
                values.push((Field::IpFrag, frag.into()));
                values
            })
            .boxed()
    };
    let proto = |proto: u8, frag: u8| {
        Just(vec![
            (Field::IpProto, proto.into()),
            (Field::IpFrag, frag.into()),
        ])
        .boxed()
    };
    let later = if network == Header::Ipv4 {
        protocol::UDP
    } else {
        protocol::FRAGMENT
    };
    let rest = prop_oneof![
        transport(&[Header::Tcp, Header::TcpFlags], protocol::TCP),
        transport(&[Header::Udp], protocol::UDP),
        transport(&[Header::Sctp], protocol::SCTP),
        transport(&[icmp], icmp_protocol).prop_filter(
            "not neighbour discovery",
            move |values| icmp == Header::Icmp
                || !values.iter().any(|&(field, value)| {
                    field == Field::IcmpType && (value == 135 || value == 136)
                })
        ),
        proto(47, fragment::NO),
        proto(0, fragment::NO),
        proto(later, fragment::LATER),
    ];
    both(base, rest.boxed())
}

fn neighbour_discovery() -> BoxedStrategy<Values> {
    let fields = [
        Header::Ipv6,
        Header::Ipv6Exthdrs,
        Header::Icmpv6,
        Header::Nd,
    ];
    let fixed = [
        (Field::EthType, ethertype::IPV6.into()),
        (Field::IpProto, protocol::ICMPV6.into()),
        (Field::IpFrag, fragment::NO.into()),
    ];
    let values = values(fields.iter().flat_map(|header| header.fields()).collect());
    (with(values, &fixed), select(vec![135u128, 136]))
        .prop_map(|(mut values, kind)| {
            values.push((Field::IcmpType, kind));
            values
        })
        .boxed()
}

fn tags() -> impl Strategy<Value = Values> {
    let tag = |tpid: Field, tci: Field| {
        let kinds = select(vec![ethertype::VLAN, ethertype::SERVICE_VLAN]);
        (kinds, any::<u16>()).prop_map(move |(kind, bits)| {
            vec![(tpid, kind.into()), (tci, (bits | VLAN_PRESENT).into())]
        })
    };
    let outer = || tag(Field::VlanTpid, Field::VlanTci).boxed();
    let inner = tag(Field::InnerVlanTpid, Field::InnerVlanTci).boxed();
    prop_oneof![3 => Just(vec![]).boxed(), 2 => outer(), 1 => both(outer(), inner)]
}

/// The last tag and what follows: a frame may end within its tag, and then nothing follows.
fn tags_and_content() -> BoxedStrategy<Values> {
    let cut_short = prop_oneof![
        Just(vec![(Field::VlanTci, 0), (Field::VlanTpid, 0)]),
        any::<u16>().prop_map(|bits| vec![
            (Field::VlanTci, (bits | VLAN_PRESENT).into()),
            (Field::VlanTpid, ethertype::VLAN.into()),
            (Field::InnerVlanTci, 0),
            (Field::InnerVlanTpid, 0),
        ]),
    ];
    prop_oneof![
        1 => cut_short.boxed(),
        30 => both(tags().boxed(), content().boxed()),
    ]
    .boxed()
}

/// Keys as the kernel sends them in an upcall.
pub(crate) fn key() -> impl Strategy<Value = FlowKey> {
    let parts = (
        metadata(),
        option::weighted(0.3, tunnel()),
        header(Header::Ethernet),
        tags_and_content(),
    );
    parts.prop_map(|(metadata, tunnel, ethernet, rest)| {
        let mut key = FlowKey::new();
        let (tunnel, options) = tunnel.unwrap_or_default();
        for (field, value) in [metadata, tunnel, ethernet, rest].concat() {
            key.set(field, value);
        }
        key.tunnel_options = options;
        key
    })
}

/// Whether the kernel would take a flow of the key: not of a frame that ends within its tag, nor with a
/// tunnel header to nowhere.
pub(crate) fn is_whole(key: &FlowKey) -> bool {
    let cut = |tci| key.get(tci) == Some(0);
    let destination = key.get_or_zero(Field::TunV4Dst) | key.get_or_zero(Field::TunV6Dst);
    !cut(Field::VlanTci) && !cut(Field::InnerVlanTci) && (!key.has_tunnel() || destination != 0)
}

/// Keys that may have attributes nobody knows.
pub(crate) fn key_with_unknown() -> impl Strategy<Value = FlowKey> {
    (
        key(),
        vec((any::<usize>(), 33..60u16, vec(any::<u8>(), 0..20)), 0..3),
    )
        .prop_map(|(mut key, unknown)| {
            let mut nestings = vec![Nesting::Top];
            let nested = [
                (Field::VlanTci, Nesting::Encap),
                (Field::InnerVlanTci, Nesting::InnerEncap),
                (Field::TunTtl, Nesting::Tunnel),
            ];
            for (field, nesting) in nested {
                if key.has(field) {
                    nestings.push(nesting);
                }
            }
            for (at, kind, payload) in unknown {
                if key.unknown.iter().all(|(_, attr)| attr.kind != kind) {
                    let attr = UnknownAttr { kind, payload };
                    key.unknown.push((nestings[at % nestings.len()], attr));
                }
            }
            key.unknown.sort_by_key(|&(nesting, _)| nesting);
            key
        })
}

fn bits(field: Field) -> BoxedStrategy<u128> {
    if field == Field::InPort || field == Field::EthType {
        return select(vec![0, field.full()]).boxed();
    }
    prop_oneof![Just(0), Just(field.full()), any::<u128>()]
        .prop_map(move |bits| bits & field.full())
        .boxed()
}

/// Bits of fields, for what was read of a key or for its mask.
pub(crate) fn bits_of(fields: Vec<Field>) -> impl Strategy<Value = FlowMask> {
    let all: Vec<_> = fields.iter().map(|&field| bits(field)).collect();
    all.prop_map(move |bits| {
        let mut mask = FlowMask::new();
        for (&field, bits) in fields.iter().zip(bits) {
            mask.set(field, bits);
        }
        mask
    })
}

/// A key with a mask that a flow of it can have.
pub(crate) fn key_and_mask() -> impl Strategy<Value = (FlowKey, FlowMask)> {
    key_with_unknown().prop_flat_map(|key| {
        let fields = key.fields().map(|(field, _)| field).collect();
        let options = vec(any::<u8>(), key.tunnel_options.len());
        let options = prop_oneof![
            Just(vec![]),
            options.prop_map(|bytes| {
                let any = bytes.iter().any(|&bits| bits != 0);
                if any { bytes } else { vec![] }
            })
        ];
        (Just(key), bits_of(fields), options).prop_map(|(key, mut mask, options)| {
            mask.add_implied(&key);
            mask.tunnel_options = options;
            mask.unknown = key.unknown.clone();
            (key, mask)
        })
    })
}
