//! Frames of every kind that the key's rules tell apart, whole, cut and spoilt. Shared by the tests here and
//! those that hold the rules against a kernel.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Any frame of at least an Ethernet header. One in three is cut somewhere, one in three has a byte
/// changed.
pub(crate) fn frame() -> impl Strategy<Value = Vec<u8>> {
    let cut = proptest::option::weighted(0.33, any::<Index>());
    let spoilt = proptest::option::weighted(0.33, (any::<Index>(), any::<u8>()));
    (whole(), cut, spoilt).prop_map(|(mut frame, cut, spoilt)| {
        if let Some((at, byte)) = spoilt {
            let at = at.index(frame.len());
            frame[at] = byte;
        }
        if let Some(cut) = cut {
            frame.truncate(14 + cut.index(frame.len() - 13));
        }
        frame
    })
}

/// Addresses, up to three tags, and what they hold.
fn whole() -> impl Strategy<Value = Vec<u8>> {
    let tag = (prop_oneof![Just(0x8100u16), Just(0x88a8)], any::<u16>());
    (any::<[u8; 12]>(), vec(tag, 0..=3), payload()).prop_map(|(addresses, tags, payload)| {
        let mut frame = addresses.to_vec();
        for (tpid, tci) in tags {
            frame.extend(tpid.to_be_bytes());
            frame.extend(tci.to_be_bytes());
        }
        frame.extend(payload);
        frame
    })
}

/// An ethertype or length, and what follows.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let typed = prop_oneof![
        4 => ipv4().prop_map(|packet| (0x0800, packet)),
        4 => ipv6().prop_map(|packet| (0x86dd, packet)),
        2 => arp().prop_map(|packet| (0x0806, packet)),
        1 => arp().prop_map(|packet| (0x8035, packet)),
        1 => (0x0600u16..0x8847, vec(any::<u8>(), 0..40)),
    ];
    let typed = typed.prop_map(|(ethertype, bytes)| {
        let mut payload = ethertype.to_be_bytes().to_vec();
        payload.extend(bytes);
        payload
    });
    let snap = (0u16..0x600, any::<u8>(), 0u8..2, typed.clone());
    prop_oneof![
        6 => typed,
        1 => snap.prop_map(|(length, control, organisation, typed)| {
            let mut payload = length.to_be_bytes().to_vec();
            payload.extend([0xaa, 0xaa, control, 0, 0, organisation]);
            payload.extend(typed);
            payload
        }),
        1 => (0u16..0x600, vec(any::<u8>(), 0..40)).prop_map(|(length, bytes)| {
            let mut payload = length.to_be_bytes().to_vec();
            payload.extend(bytes);
            payload
        }),
    ]
}

fn arp() -> impl Strategy<Value = Vec<u8>> {
    (
        prop_oneof![9 => 0u16..4, 1 => any::<u16>()],
        any::<[u8; 20]>(),
    )
        .prop_map(|(op, rest)| {
            let mut packet = vec![0, 1, 8, 0, 6, 4];
            packet.extend(op.to_be_bytes());
            packet.extend(rest);
            packet
        })
}

fn ipv4() -> impl Strategy<Value = Vec<u8>> {
    let fragment = prop_oneof![
        6 => Just(0u16),
        1 => Just(0x4000),
        1 => Just(0x2000),
        1 => any::<u16>(),
    ];
    let options = vec(any::<[u8; 4]>(), 0..=10);
    let protocol = prop_oneof![9 => transport(), 1 => opaque()];
    (any::<[u8; 20]>(), fragment, options, protocol).prop_map(
        |(mut header, fragment, options, (protocol, transport))| {
            header[0] = 0x45 + u8::try_from(options.len()).unwrap();
            header[6..8].copy_from_slice(&fragment.to_be_bytes());
            header[9] = protocol;
            let mut packet = header.to_vec();
            packet.extend(options.concat());
            packet.extend(transport);
            packet
        },
    )
}

fn ipv6() -> impl Strategy<Value = Vec<u8>> {
    let last = prop_oneof![6 => transport(), 3 => neighbour(), 1 => opaque()];
    (any::<[u8; 40]>(), vec(extension(), 0..4), last).prop_map(
        |(mut header, extensions, (protocol, transport))| {
            header[0] = 0x60 | header[0] & 0x0f;
            let next_of = |at: usize| extensions.get(at).map_or(protocol, |(kind, _)| *kind);
            header[6] = next_of(0);
            let mut packet = header.to_vec();
            for (at, (_, bytes)) in extensions.iter().enumerate() {
                packet.push(next_of(at + 1));
                packet.extend(bytes);
            }
            packet.extend(transport);
            packet
        },
    )
}

/// An extension header's number, and its bytes after the next header's number.
fn extension() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let options = prop_oneof![Just(0u8), Just(43), Just(60)];
    let sized = (options, 0u8..3).prop_map(|(kind, units)| {
        let mut bytes = vec![units];
        bytes.resize(7 + usize::from(units) * 8, 0);
        (kind, bytes)
    });
    let offset = prop_oneof![2 => Just(0u16), 1 => Just(1), 1 => any::<u16>()];
    let fragment = offset.prop_map(|offset| {
        let mut bytes = vec![0];
        bytes.extend(offset.to_be_bytes());
        bytes.extend([0, 0, 0, 1]);
        (44, bytes)
    });
    let authentication = (2u8..5).prop_map(|units| {
        let mut bytes = vec![units];
        bytes.resize(7 + usize::from(units) * 4, 0);
        (51, bytes)
    });
    prop_oneof![4 => sized, 2 => fragment, 1 => authentication]
}

/// A protocol's number and its header, with the kinds whose length or options the kernel looks at.
fn transport() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let tcp = (any::<[u8; 20]>(), 4u8..9, 0usize..20).prop_map(|(mut header, words, more)| {
        header[12] = words << 4 | header[12] & 0x0f;
        let mut segment = header.to_vec();
        segment.resize(20 + more, 0);
        (6, segment)
    });
    let other = prop_oneof![Just(17u8), Just(132), Just(1), Just(58)];
    prop_oneof![2 => tcp, 3 => (other, vec(any::<u8>(), 0..24))]
}

/// Neighbour solicitations and advertisements with options, some twice, some of a wrong length.
fn neighbour() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let option = (0u8..4, 0u8..3, any::<[u8; 14]>()).prop_map(|(kind, units, bytes)| {
        let mut option = vec![kind, units];
        option.extend(bytes);
        option.truncate(usize::from(units.max(1)) * 8);
        option
    });
    let code = prop_oneof![9 => Just(0u8), 1 => any::<u8>()];
    (134u8..138, code, any::<[u8; 22]>(), vec(option, 0..4)).prop_map(
        |(kind, code, rest, options)| {
            let mut message = vec![kind, code];
            message.extend(rest);
            message.extend(options.concat());
            (58, message)
        },
    )
}

fn opaque() -> impl Strategy<Value = (u8, Vec<u8>)> {
    (any::<u8>(), vec(any::<u8>(), 0..40))
}
