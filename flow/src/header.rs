//! How fields stand in the kernel's attributes (`struct ovs_key_*`).
//!
//! One table says for every attribute of fixed length its type, length, name in the text form, and where
//! which field is. Decoder, encoder, set actions, printer and parser are all driven by it. What nests
//! (`TUNNEL`, `ENCAP`) and what depends on the nesting (`VLAN`, `ETHERTYPE`) is not in it.

use crate::field::Field;

/// An attribute of a flow key that has a fixed length: a header of the packet, or a piece of metadata.
///
/// The order is that in which the kernel writes them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Header {
    /// Recirculation id.
    RecircId,
    /// Datapath hash.
    DpHash,
    /// `skb->priority`.
    SkbPriority,
    /// Datapath port.
    InPort,
    /// `skb->mark`.
    SkbMark,
    /// Connection tracking state.
    CtState,
    /// Connection tracking zone.
    CtZone,
    /// Connection mark.
    CtMark,
    /// Connection label.
    CtLabels,
    /// Original direction's tuple, IPv4.
    CtTuple4,
    /// Original direction's tuple, IPv6.
    CtTuple6,
    /// Ethernet addresses.
    Ethernet,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// IPv6 extension headers.
    Ipv6Exthdrs,
    /// ARP and RARP.
    Arp,
    /// TCP ports.
    Tcp,
    /// TCP flags.
    TcpFlags,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// ICMP.
    Icmp,
    /// ICMPv6.
    Icmpv6,
    /// Neighbour discovery.
    Nd,
}

/// An attribute's layout.
#[derive(Debug)]
pub(crate) struct Layout {
    /// `OVS_KEY_ATTR_*`.
    pub(crate) kind: u16,
    /// Length of the payload in bytes, the structure's final padding included.
    pub(crate) length: usize,
    /// Name in the text form.
    pub(crate) name: &'static str,
    /// Its fields.
    pub(crate) slots: &'static [Slot],
    /// Its fields as a set: bit `field as u8` for each.
    pub(crate) fields: u64,
}

/// A field's place in an attribute.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) field: Field,
    /// Offset in bytes.
    pub(crate) at: usize,
    /// Length in bytes: 1, 2, 4, 6 or 16.
    pub(crate) bytes: usize,
    pub(crate) order: ByteOrder,
    /// Name in the text form; empty where the attribute is this field alone.
    pub(crate) name: &'static str,
    pub(crate) style: Style,
}

/// The order of a field's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ByteOrder {
    /// The processor's.
    Host,
    /// Most significant first.
    Network,
}

/// How a field is written in the text form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    /// `17`, mask in hex.
    Decimal,
    /// `0x11`; zero is `0`.
    Hex,
    /// `02:00:00:00:00:01`.
    Mac,
    /// `192.0.2.1`, mask alike.
    Ipv4,
    /// `2001:db8::1`, mask alike.
    Ipv6,
    /// `no`, `first`, `later`.
    Fragment,
    /// Named bits.
    Flags(&'static [(&'static str, u32)]),
}

/// `OVS_CS_F_*`, in the order of their bits.
pub(crate) const CT_STATE_FLAGS: &[(&str, u32)] = &[
    ("new", 0x01),
    ("est", 0x02),
    ("rel", 0x04),
    ("rpl", 0x08),
    ("inv", 0x10),
    ("trk", 0x20),
    ("snat", 0x40),
    ("dnat", 0x80),
];

/// The flags of a TCP header, in the order of their bits; three bits are reserved.
pub(crate) const TCP_FLAGS: &[(&str, u32)] = &[
    ("fin", 0x001),
    ("syn", 0x002),
    ("rst", 0x004),
    ("psh", 0x008),
    ("ack", 0x010),
    ("urg", 0x020),
    ("ece", 0x040),
    ("cwr", 0x080),
    ("ns", 0x100),
    ("[200]", 0x200),
    ("[400]", 0x400),
    ("[800]", 0x800),
];

const fn host(field: Field, bytes: usize, style: Style) -> Slot {
    Slot {
        field,
        at: 0,
        bytes,
        order: ByteOrder::Host,
        name: "",
        style,
    }
}

const fn net(name: &'static str, field: Field, at: usize, bytes: usize, style: Style) -> Slot {
    Slot {
        field,
        at,
        bytes,
        order: ByteOrder::Network,
        name,
        style,
    }
}

const fn field_set(slots: &[Slot]) -> u64 {
    let mut set = 0;
    let mut rest = slots;
    while let [slot, others @ ..] = rest {
        set |= slot.field.bit();
        rest = others;
    }
    set
}

macro_rules! layouts {
    ($($header:ident = $kind:literal, $length:literal, $name:literal, [$($slot:expr),* $(,)?];)*) => {
        impl Header {
            /// Every header, in the kernel's order.
            pub const ALL: &'static [Header] = &[$(Header::$header),*];

            /// The attribute's layout.
            #[inline]
            pub(crate) const fn layout(self) -> &'static Layout {
                match self {
                    $(Header::$header => {
                        const SLOTS: &[Slot] = &[$($slot),*];
                        const LAYOUT: Layout = Layout {
                            kind: $kind,
                            length: $length,
                            name: $name,
                            slots: SLOTS,
                            fields: field_set(SLOTS),
                        };
                        &LAYOUT
                    })*
                }
            }

            /// The header of an attribute type.
            #[inline]
            pub(crate) const fn from_kind(kind: u16) -> Option<Header> {
                match kind {
                    $($kind => Some(Header::$header),)*
                    _ => None,
                }
            }
        }
    };
}

use Field as F;
use Style::{Decimal, Flags, Fragment, Hex, Ipv4, Ipv6, Mac};

layouts! {
    RecircId = 20, 4, "recirc_id", [host(F::RecircId, 4, Hex)];
    DpHash = 19, 4, "dp_hash", [host(F::DpHash, 4, Hex)];
    SkbPriority = 2, 4, "skb_priority", [host(F::SkbPriority, 4, Hex)];
    InPort = 3, 4, "in_port", [host(F::InPort, 4, Decimal)];
    SkbMark = 15, 4, "skb_mark", [host(F::SkbMark, 4, Hex)];
    CtState = 22, 4, "ct_state", [host(F::CtState, 4, Flags(CT_STATE_FLAGS))];
    CtZone = 23, 2, "ct_zone", [host(F::CtZone, 2, Hex)];
    CtMark = 24, 4, "ct_mark", [host(F::CtMark, 4, Hex)];
    CtLabels = 25, 16, "ct_label", [host(F::CtLabels, 16, Hex)];
    CtTuple4 = 26, 16, "ct_tuple4", [
        net("src", F::CtV4Src, 0, 4, Ipv4),
        net("dst", F::CtV4Dst, 4, 4, Ipv4),
        net("proto", F::CtProto, 12, 1, Decimal),
        net("tp_src", F::CtTpSrc, 8, 2, Decimal),
        net("tp_dst", F::CtTpDst, 10, 2, Decimal),
    ];
    CtTuple6 = 27, 40, "ct_tuple6", [
        net("src", F::CtV6Src, 0, 16, Ipv6),
        net("dst", F::CtV6Dst, 16, 16, Ipv6),
        net("proto", F::CtProto, 36, 1, Decimal),
        net("src_port", F::CtTpSrc, 32, 2, Decimal),
        net("dst_port", F::CtTpDst, 34, 2, Decimal),
    ];
    Ethernet = 4, 12, "eth", [
        net("src", F::EthSrc, 0, 6, Mac),
        net("dst", F::EthDst, 6, 6, Mac),
    ];
    Ipv4 = 7, 12, "ipv4", [
        net("src", F::Ipv4Src, 0, 4, Ipv4),
        net("dst", F::Ipv4Dst, 4, 4, Ipv4),
        net("proto", F::IpProto, 8, 1, Decimal),
        net("tos", F::IpTos, 9, 1, Hex),
        net("ttl", F::IpTtl, 10, 1, Decimal),
        net("frag", F::IpFrag, 11, 1, Fragment),
    ];
    Ipv6 = 8, 40, "ipv6", [
        net("src", F::Ipv6Src, 0, 16, Ipv6),
        net("dst", F::Ipv6Dst, 16, 16, Ipv6),
        net("label", F::Ipv6Label, 32, 4, Hex),
        net("proto", F::IpProto, 36, 1, Decimal),
        net("tclass", F::IpTos, 37, 1, Hex),
        net("hlimit", F::IpTtl, 38, 1, Decimal),
        net("frag", F::IpFrag, 39, 1, Fragment),
    ];
    Ipv6Exthdrs = 32, 2, "ipv6_exthdrs", [host(F::Ipv6Exthdrs, 2, Hex)];
    Arp = 13, 24, "arp", [
        net("sip", F::ArpSip, 0, 4, Ipv4),
        net("tip", F::ArpTip, 4, 4, Ipv4),
        net("op", F::ArpOp, 8, 2, Decimal),
        net("sha", F::ArpSha, 10, 6, Mac),
        net("tha", F::ArpTha, 16, 6, Mac),
    ];
    Tcp = 9, 4, "tcp", [
        net("src", F::TpSrc, 0, 2, Decimal),
        net("dst", F::TpDst, 2, 2, Decimal),
    ];
    TcpFlags = 18, 2, "tcp_flags", [net("", F::TcpFlags, 0, 2, Flags(TCP_FLAGS))];
    Udp = 10, 4, "udp", [
        net("src", F::TpSrc, 0, 2, Decimal),
        net("dst", F::TpDst, 2, 2, Decimal),
    ];
    Sctp = 17, 4, "sctp", [
        net("src", F::TpSrc, 0, 2, Decimal),
        net("dst", F::TpDst, 2, 2, Decimal),
    ];
    Icmp = 11, 2, "icmp", [
        net("type", F::IcmpType, 0, 1, Decimal),
        net("code", F::IcmpCode, 1, 1, Decimal),
    ];
    Icmpv6 = 12, 2, "icmpv6", [
        net("type", F::IcmpType, 0, 1, Decimal),
        net("code", F::IcmpCode, 1, 1, Decimal),
    ];
    Nd = 14, 28, "nd", [
        net("target", F::NdTarget, 0, 16, Ipv6),
        net("sll", F::NdSll, 16, 6, Mac),
        net("tll", F::NdTll, 22, 6, Mac),
    ];
}

impl Header {
    /// The header's fields.
    pub fn fields(self) -> impl Iterator<Item = Field> {
        self.layout().slots.iter().map(|slot| slot.field)
    }

    /// Whether the kernel lets a set action write this header.
    pub fn is_settable(self) -> bool {
        use Header as H;
        matches!(
            self,
            H::SkbPriority
                | H::SkbMark
                | H::CtMark
                | H::CtLabels
                | H::Ethernet
                | H::Ipv4
                | H::Ipv6
                | H::Tcp
                | H::Udp
                | H::Sctp
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_lies_within_its_attribute_and_fits_its_field() {
        for header in Header::ALL {
            let layout = header.layout();
            assert_eq!(Header::from_kind(layout.kind), Some(*header));
            let mut taken = vec![false; layout.length];
            for slot in layout.slots {
                assert!(slot.field.width() as usize <= slot.bytes * 8, "{slot:?}");
                assert!([1, 2, 4, 6, 16].contains(&slot.bytes), "{slot:?}");
                for byte in &mut taken[slot.at..slot.at + slot.bytes] {
                    assert!(!*byte, "{header:?}: two fields share a byte");
                    *byte = true;
                }
            }
            assert_eq!(layout.slots.len() == 1, layout.slots[0].name.is_empty());
        }
    }

    #[test]
    fn headers_are_listed_in_the_order_of_their_numbers() {
        for (at, header) in Header::ALL.iter().enumerate() {
            assert_eq!(at, *header as usize);
        }
    }
}
