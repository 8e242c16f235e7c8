//! The masks that flows are installed with: 64 at most, chosen by hand.
//!
//! The kernel looks a packet up under one mask after another, so their number, not that of the flows, is
//! what a miss costs. A simulation reads what bits it likes; [`fit`] answers with the first entry of this
//! dictionary that covers them. The last entry of each family of packets, [`exact`], covers everything.
//!
//! What is in every entry, because it costs no flows: the port, the recirculation id, the ethertype,
//! whether there are VLAN tags, the conntrack zone (the recirculation id decides it) and conntrack state
//! but for "new" and "established" (one flow shall serve both). IP entries have the fragment type and the
//! protocol. IPv4 entries have 8 bits of the destination, IPv6 ones 32: they prove that a packet is not
//! for the metadata address. UDP entries have 6 bits of the destination port: they prove for ports from
//! 1024 on that a packet is not DHCP's.
//!
//! | family                  | wide | exact |
//! |-------------------------|-----:|------:|
//! | untagged                |   27 |     9 |
//! | one tag                 |    6 |     9 |
//! | two tags                |    1 |     9 |
//! | by a tunnel, untagged   |    3 |     – |
//!
//! Rules read ports of any kind and sources by prefix: what they read of a source is rounded up to 16 or 24 bits
//! (IPv6: 64), so that the flows of such rules do not grow with the number of those who send. All of a source is
//! read of a machine with port security, and of who is looked for in an address group. Answers read whether their
//! connection was cut.
//!
//! The exact ones serve packets by a tunnel and others alike: they ask for the absence of a tunnel where
//! there is none. In the same way they serve packets with and without an original tuple, and TCP like UDP. Beyond
//! the 64 are only masks over Geneve options, one for each length of options that is read, and over TCP's flags;
//! nothing reads either.

use std::sync::LazyLock;

use crate::field::Field;
use crate::header::Header;
use crate::key::{FlowKey, TUNNEL_FIELDS};
use crate::mask::FlowMask;
use crate::present::{Headers, askable_tuple};

/// The mask to install for a packet with this key of which a simulation read these bits.
///
/// It covers them; the same key and bits give the same mask. Reads of absent fields may be given as such
/// or as what proves the absence ([`FlowMask::add_read`]).
pub fn fit(key: &FlowKey, read: &FlowMask) -> FlowMask {
    let read = read.resolved(key);
    let family = Family::of(key);
    let wide = ENTRIES
        .iter()
        .filter(|entry| entry.serves(family))
        .map(|entry| &entry.mask)
        .find(|mask| mask.covers(&read));
    match wide {
        Some(mask) => {
            let mut mask = mask.clone();
            // A key that no kernel made may lack metadata; the kernel takes no mask of what is not there.
            for &(field, _) in BASE {
                if !key.has(field) && field != Field::EthType && read.get(field) == 0 {
                    mask.set(field, 0);
                }
            }
            implied(mask, key)
        }
        None => {
            let mut mask = exact(key);
            if read.get(Field::TcpFlags) == 0 {
                mask.set(Field::TcpFlags, 0);
            }
            add_variable(&mut mask, key, &read);
            mask
        }
    }
}

/// The mask that compares every field of the key, and the absence of those that similar packets have.
/// Not in it are Geneve options and attributes that this version does not know.
pub fn exact(key: &FlowKey) -> FlowMask {
    let mut mask = FlowMask::new();
    mask.add_fields(key.present() | TUNNEL_FIELDS | Field::EthType.bit());
    if let Some(tuple) = askable_tuple(key) {
        mask.add_fields(tuple.layout().fields);
    } else if key.has(Field::NdTarget) {
        // The kernel compares either these or the tuple, which it keeps in the same place.
        for field in Header::CtTuple6.fields() {
            mask.set(field, 0);
        }
    }
    implied(mask, key)
}

fn implied(mut mask: FlowMask, key: &FlowKey) -> FlowMask {
    mask.add_implied(key);
    mask
}

/// Adds what is of no fixed length: options in full, and bits of unknown attributes.
fn add_variable(mask: &mut FlowMask, key: &FlowKey, read: &FlowMask) {
    if !read.tunnel_options.is_empty() {
        mask.tunnel_options = vec![0xff; key.tunnel_options.len()];
    }
    mask.unknown.clone_from(&read.unknown);
    // Metadata that a key from the kernel always has, but this one has not.
    for (field, bits) in read.fields() {
        mask.add(field, bits);
    }
}

/// What decides which masks a packet can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Family {
    tags: u8,
    tunnel: bool,
    content: Content,
}

/// What a packet is behind its tags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Content {
    /// LLC, and ethertypes that the kernel does not look into.
    Other,
    Arp,
    /// IPv4 without a transport header: a later fragment, or a protocol that the kernel does not know.
    V4,
    V4Tcp,
    /// UDP and SCTP.
    V4Udp,
    V4Icmp,
    V6,
    V6Tcp,
    V6Udp,
    V6Icmp,
    Nd,
}

impl Family {
    fn of(key: &FlowKey) -> Self {
        let tags = match (key.has(Field::VlanTci), key.has(Field::InnerVlanTci)) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
        };
        Self {
            tags,
            tunnel: key.has_tunnel(),
            content: Content::of(key),
        }
    }
}

impl Content {
    fn of(key: &FlowKey) -> Self {
        let headers = Headers::of(key);
        let has = |header| headers.contains(header);
        let ports = has(Header::Udp) || has(Header::Sctp);
        if has(Header::Arp) {
            Content::Arp
        } else if has(Header::Ipv4) {
            match () {
                () if has(Header::Tcp) => Content::V4Tcp,
                () if ports => Content::V4Udp,
                () if has(Header::Icmp) => Content::V4Icmp,
                () => Content::V4,
            }
        } else if has(Header::Ipv6) {
            match () {
                () if has(Header::Tcp) => Content::V6Tcp,
                () if ports => Content::V6Udp,
                () if has(Header::Nd) => Content::Nd,
                () if has(Header::Icmpv6) => Content::V6Icmp,
                () => Content::V6,
            }
        } else {
            Content::Other
        }
    }
}

/// A mask, and the packets that it is for.
struct Entry {
    tags: u8,
    contents: &'static [Content],
    mask: FlowMask,
}

impl Entry {
    fn serves(&self, family: Family) -> bool {
        let by_tunnel = self.mask.asks(TUNNEL_FIELDS);
        self.tags == family.tags
            && self.contents.contains(&family.content)
            && (family.tunnel || !by_tunnel)
    }
}

/// Some bits of a field.
type Bits = (Field, u128);

const fn all(field: Field) -> Bits {
    (field, field.full())
}

/// The first bits of a field.
const fn first(field: Field, count: u32) -> Bits {
    let full = field.full();
    (field, full & !(full >> count))
}

const OTHER: &[Content] = &[Content::Other, Content::Arp];
const V4: &[Content] = &[Content::V4, Content::V4Tcp, Content::V4Udp, Content::V4Icmp];
const V4_PORTS: &[Content] = &[Content::V4Tcp, Content::V4Udp];
const V6: &[Content] = &[
    Content::V6,
    Content::V6Tcp,
    Content::V6Udp,
    Content::V6Icmp,
    Content::Nd,
];
const V6_PORTS: &[Content] = &[Content::V6Tcp, Content::V6Udp];
const V6_TYPES: &[Content] = &[Content::V6Icmp, Content::Nd];
const IP: &[Content] = &[
    Content::V4,
    Content::V4Tcp,
    Content::V4Udp,
    Content::V4Icmp,
    Content::V6,
    Content::V6Tcp,
    Content::V6Udp,
    Content::V6Icmp,
    Content::Nd,
];

const BASE: &[Bits] = &[
    all(Field::RecircId),
    all(Field::InPort),
    all(Field::EthType),
    all(Field::CtZone),
    (Field::CtState, 0xfc), // not new 0x01, established 0x02
];
const ETH: &[Bits] = &[all(Field::EthSrc), all(Field::EthDst)];
/// Both tags' VLAN ids and priorities count where there are tags.
const TAGS: &[Bits] = &[all(Field::VlanTci), all(Field::InnerVlanTci)];
const TUNNEL: &[Bits] = &[all(Field::TunId)];
const FRAG: &[Bits] = &[all(Field::IpFrag)];
const PROTO: &[Bits] = &[all(Field::IpFrag), all(Field::IpProto)];
const DST4: &[Bits] = &[first(Field::Ipv4Dst, 8)];
const SRC4_DST4: &[Bits] = &[all(Field::Ipv4Src), first(Field::Ipv4Dst, 8)];
const SRC16_DST4: &[Bits] = &[first(Field::Ipv4Src, 16), first(Field::Ipv4Dst, 8)];
const SRC24_DST4: &[Bits] = &[first(Field::Ipv4Src, 24), first(Field::Ipv4Dst, 8)];
const BOTH4: &[Bits] = &[all(Field::Ipv4Src), all(Field::Ipv4Dst)];
const DST6: &[Bits] = &[first(Field::Ipv6Dst, 32)];
const SRC6_DST6: &[Bits] = &[all(Field::Ipv6Src), first(Field::Ipv6Dst, 32)];
const SRC64_DST6: &[Bits] = &[first(Field::Ipv6Src, 64), first(Field::Ipv6Dst, 32)];
const BOTH6: &[Bits] = &[all(Field::Ipv6Src), all(Field::Ipv6Dst)];
/// Six bits: blocks of 1,024 ports, the unit of translation.
const PORT_BLOCK: &[Bits] = &[first(Field::TpDst, 6)];
const PORT: &[Bits] = &[all(Field::TpDst)];
const TYPE: &[Bits] = &[all(Field::IcmpType)];
/// The whole connection mark: whether the connection was entered. It follows from what else is compared, so it splits
/// a flow in two.
const MARK: &[Bits] = &[all(Field::CtMark)];
/// The top bit of the connection mark: whether the connection is cut.
const CUT: &[Bits] = &[first(Field::CtMark, 1)];

/// The entries but for the exact ones; the first that covers what was read is taken, so wider ones stand
/// before narrower ones.
static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let entry = |tags, contents, parts: &[&[Bits]]| {
        let mut mask = FlowMask::new();
        for &(field, bits) in BASE.iter().chain(parts.iter().copied().flatten()) {
            mask.add(field, bits);
        }
        // Whether there are tags the kernel compares in any case.
        mask.add_field(Field::VlanTci);
        mask.add_field(Field::VlanTpid);
        mask.add_field(Field::InnerVlanTci);
        mask.add_field(Field::InnerVlanTpid);
        Entry {
            tags,
            contents,
            mask,
        }
    };
    let untagged = |contents, parts| entry(0, contents, parts);
    let tagged = |contents, parts| entry(1, contents, parts);
    vec![
        untagged(OTHER, &[ETH]),
        untagged(V4, &[ETH, PROTO, DST4]),
        untagged(V4_PORTS, &[ETH, PROTO, DST4, PORT_BLOCK]),
        untagged(V4_PORTS, &[ETH, PROTO, DST4, PORT]),
        untagged(V4, &[ETH, PROTO, SRC24_DST4]),
        untagged(V4_PORTS, &[ETH, PROTO, SRC16_DST4, PORT]),
        untagged(V4_PORTS, &[ETH, PROTO, SRC24_DST4, PORT]),
        untagged(V4, &[ETH, PROTO, SRC4_DST4]),
        untagged(V4_PORTS, &[ETH, PROTO, SRC4_DST4, PORT_BLOCK]),
        untagged(V4, &[ETH, PROTO, SRC4_DST4, CUT]),
        untagged(V4_PORTS, &[ETH, PROTO, SRC4_DST4, PORT_BLOCK, CUT]),
        untagged(V4_PORTS, &[ETH, PROTO, SRC4_DST4, PORT]),
        untagged(V4, &[ETH, PROTO, BOTH4]),
        untagged(V4_PORTS, &[ETH, PROTO, BOTH4, PORT_BLOCK]),
        untagged(V4_PORTS, &[ETH, PROTO, BOTH4, PORT]),
        untagged(V4_PORTS, &[ETH, PROTO, BOTH4, PORT, MARK]),
        untagged(V6, &[ETH, PROTO, DST6]),
        untagged(V6_PORTS, &[ETH, PROTO, DST6, PORT_BLOCK]),
        untagged(V6_PORTS, &[ETH, PROTO, DST6, PORT]),
        untagged(V6_TYPES, &[ETH, PROTO, DST6, TYPE]),
        untagged(V6, &[ETH, PROTO, SRC64_DST6]),
        untagged(V6_PORTS, &[ETH, PROTO, SRC64_DST6, PORT]),
        untagged(V6_PORTS, &[ETH, PROTO, SRC6_DST6, PORT_BLOCK]),
        untagged(V6_PORTS, &[ETH, PROTO, SRC6_DST6, PORT_BLOCK, CUT]),
        untagged(V6, &[ETH, PROTO, BOTH6]),
        untagged(V6_PORTS, &[ETH, PROTO, BOTH6, PORT]),
        untagged(V6_PORTS, &[ETH, PROTO, BOTH6, PORT, MARK]),
        untagged(OTHER, &[TUNNEL, ETH]),
        untagged(IP, &[TUNNEL, FRAG]),
        untagged(IP, &[TUNNEL, FRAG, CUT]),
        tagged(OTHER, &[TAGS, ETH]),
        tagged(V4, &[TAGS, ETH, PROTO, DST4]),
        tagged(V4_PORTS, &[TAGS, ETH, PROTO, DST4, PORT_BLOCK]),
        tagged(V6, &[TAGS, ETH, PROTO, DST6]),
        tagged(V6_PORTS, &[TAGS, ETH, PROTO, DST6, PORT_BLOCK]),
        tagged(V6_TYPES, &[TAGS, ETH, PROTO, DST6, TYPE]),
        entry(2, OTHER, &[TAGS, ETH]),
    ]
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_wide_entries_as_the_table_says() {
        let count = |tags, tunnel| {
            let is =
                |entry: &&Entry| entry.tags == tags && entry.mask.asks(TUNNEL_FIELDS) == tunnel;
            ENTRIES.iter().filter(is).count()
        };
        assert_eq!(
            [
                count(0, false),
                count(1, false),
                count(2, false),
                count(0, true)
            ],
            [27, 6, 1, 3]
        );
        assert_eq!(ENTRIES.len() + 3 * 9, 64);
    }

    #[test]
    fn no_entry_is_hidden_by_a_wider_one_before_it() {
        for (at, entry) in ENTRIES.iter().enumerate() {
            for before in ENTRIES
                .iter()
                .take(at)
                .filter(|before| before.tags == entry.tags)
            {
                let same_packets = entry
                    .contents
                    .iter()
                    .all(|content| before.contents.contains(content));
                assert!(
                    !(same_packets && before.mask.covers(&entry.mask)),
                    "{:?} hides {:?}",
                    before.mask,
                    entry.mask
                );
            }
        }
    }
}
