//! Which attributes a key has.
//!
//! Some fields are shared by headers of which a packet has one (the ports of TCP, UDP and SCTP); the key's
//! other fields say which.

use crate::field::Field;
use crate::header::Header;
use crate::key::{FlowKey, TUNNEL_FIELDS};

/// Ethertypes that the kernel looks into.
pub mod ethertype {
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// ARP.
    pub const ARP: u16 = 0x0806;
    /// Reverse ARP; its key is ARP's.
    pub const RARP: u16 = 0x8035;
    /// Customer VLAN tag.
    pub const VLAN: u16 = 0x8100;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
    /// MPLS, unicast.
    pub const MPLS: u16 = 0x8847;
    /// MPLS, multicast.
    pub const MPLS_MULTICAST: u16 = 0x8848;
    /// Service VLAN tag.
    pub const SERVICE_VLAN: u16 = 0x88a8;
    /// Network service header.
    pub const NSH: u16 = 0x894f;
}

/// IP protocols that the kernel looks into.
pub mod protocol {
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// The protocol of an IPv6 later fragment.
    pub const FRAGMENT: u8 = 44;
    /// ICMPv6.
    pub const ICMPV6: u8 = 58;
    /// SCTP.
    pub const SCTP: u8 = 132;
}

/// Values of [`Field::IpFrag`] (`enum ovs_frag_type`).
pub mod fragment {
    /// The packet is whole.
    pub const NO: u8 = 0;
    /// The first fragment, which has the ports.
    pub const FIRST: u8 = 1;
    /// A later one, which has none.
    pub const LATER: u8 = 2;
}

/// Bits of [`Field::CtState`] (`OVS_CS_F_*`).
pub mod ct_state {
    /// The packet belongs to no connection that is entered.
    pub const NEW: u8 = 0x01;
    /// The packet belongs to a connection that is entered.
    pub const ESTABLISHED: u8 = 0x02;
    /// The packet is an ICMP error about a connection.
    pub const RELATED: u8 = 0x04;
    /// The packet goes the way of the answers.
    pub const REPLY: u8 = 0x08;
    /// The packet fits no connection, and may not begin one.
    pub const INVALID: u8 = 0x10;
    /// The packet has been looked up.
    pub const TRACKED: u8 = 0x20;
}

/// Bit 12 of a tag's control information: the tag is there.
pub const VLAN_PRESENT: u16 = 0x1000;

/// Headers that do not go together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HeadersError {
    /// There are two of which a packet has one.
    #[error("both {first:?} and {second:?}")]
    Conflict {
        /// One.
        first: Header,
        /// The other.
        second: Header,
    },
    /// A header is there, but not the protocol that makes it one.
    #[error("{0:?}, but another IP protocol")]
    OtherProtocol(Header),
}

/// Headers of which a packet has one.
const EXCLUSIVE: [&[Header]; 2] = [
    &[Header::CtTuple4, Header::CtTuple6],
    &[Header::Ipv4, Header::Ipv6, Header::Arp],
];
const TRANSPORTS: &[Header] = &[
    Header::Tcp,
    Header::Udp,
    Header::Sctp,
    Header::Icmp,
    Header::Icmpv6,
];

/// A set of headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Headers(u32);

const fn set(fields: &[Field]) -> u64 {
    let mut bits = 0;
    let mut rest = fields;
    while let [field, others @ ..] = rest {
        bits |= field.bit();
        rest = others;
    }
    bits
}

const TUPLE4: u64 = set(&[Field::CtV4Src, Field::CtV4Dst]);
const TUPLE6: u64 = set(&[Field::CtV6Src, Field::CtV6Dst]);
const IPV4: u64 = set(&[Field::Ipv4Src, Field::Ipv4Dst]);
const IPV6: u64 = set(&[Field::Ipv6Src, Field::Ipv6Dst, Field::Ipv6Label]);
const IP: u64 = set(&[Field::IpProto, Field::IpTos, Field::IpTtl, Field::IpFrag]);
const PORTS: u64 = set(&[Field::TpSrc, Field::TpDst]);
const ICMP: u64 = set(&[Field::IcmpType, Field::IcmpCode]);
const OUTER_TAG: u64 = set(&[Field::VlanTci, Field::VlanTpid]);
const INNER_TAG: u64 = set(&[Field::InnerVlanTci, Field::InnerVlanTpid]);

/// Headers all of whose fields are theirs alone.
const UNSHARED: &[Header] = &[
    Header::RecircId,
    Header::DpHash,
    Header::SkbPriority,
    Header::InPort,
    Header::SkbMark,
    Header::CtState,
    Header::CtZone,
    Header::CtMark,
    Header::CtLabels,
    Header::Ethernet,
    Header::Ipv6Exthdrs,
    Header::Arp,
    Header::TcpFlags,
    Header::Nd,
];

impl Headers {
    /// The headers whose fields the key has.
    pub(crate) fn of(key: &FlowKey) -> Self {
        let present = key.present();
        let mut headers = Self::default();
        for &header in UNSHARED {
            if present & header.layout().fields != 0 {
                headers.insert(header);
            }
        }
        if present & TUPLE4 != 0 {
            headers.insert(Header::CtTuple4);
        }
        if present & TUPLE6 != 0 {
            headers.insert(Header::CtTuple6);
        }
        let ethertype = key.u16(Field::EthType);
        if present & IPV6 != 0 || (present & IP != 0 && ethertype == Some(ethertype::IPV6)) {
            headers.insert(Header::Ipv6);
        } else if present & IPV4 != 0 || (present & IP != 0 && ethertype == Some(ethertype::IPV4)) {
            headers.insert(Header::Ipv4);
        }
        if present & (PORTS | ICMP) != 0 {
            match transport(key) {
                Some(header) if present & header.layout().fields != 0 => headers.insert(header),
                _ => {}
            }
        }
        headers
    }

    pub(crate) fn insert(&mut self, header: Header) {
        self.0 |= 1 << header as u8;
    }

    pub(crate) fn contains(self, header: Header) -> bool {
        self.0 & (1 << header as u8) != 0
    }

    /// The headers in order.
    pub(crate) fn iter(self) -> impl Iterator<Item = Header> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let header = Header::ALL.get(left.trailing_zeros() as usize);
            left &= left.wrapping_sub(1);
            header.copied()
        })
    }

    /// Whether they can be a packet's, with the fields of the key.
    pub(crate) fn check(self, key: &FlowKey) -> Result<(), HeadersError> {
        for group in EXCLUSIVE.into_iter().chain([TRANSPORTS]) {
            let mut there = group.iter().filter(|&&header| self.contains(header));
            if let (Some(&first), Some(&second)) = (there.next(), there.next()) {
                return Err(HeadersError::Conflict { first, second });
            }
        }
        match TRANSPORTS.iter().find(|&&header| self.contains(header)) {
            Some(&header) if transport(key) != Some(header) => {
                Err(HeadersError::OtherProtocol(header))
            }
            _ => Ok(()),
        }
    }

    /// All their fields, as a set.
    pub(crate) fn fields(self) -> u64 {
        self.iter()
            .fold(0, |fields, header| fields | header.layout().fields)
    }

    /// A field of the key that no attribute would carry, such as a port without a protocol.
    pub(crate) fn orphan(self, key: &FlowKey) -> Option<Field> {
        let mut carried = self.fields() | TUNNEL_FIELDS | Field::EthType.bit();
        if key.has(Field::VlanTci) {
            carried |= OUTER_TAG;
            if key.has(Field::InnerVlanTci) {
                carried |= INNER_TAG;
            }
        }
        Field::of(key.present() & !carried).next()
    }
}

/// The header with the ports or the ICMP type, by the key's protocol.
pub(crate) fn transport(key: &FlowKey) -> Option<Header> {
    match u8::try_from(key.get(Field::IpProto)?).ok()? {
        protocol::TCP => Some(Header::Tcp),
        protocol::UDP => Some(Header::Udp),
        protocol::SCTP => Some(Header::Sctp),
        protocol::ICMP => Some(Header::Icmp),
        protocol::ICMPV6 => Some(Header::Icmpv6),
        _ => None,
    }
}

/// The conntrack tuple that a mask may ask for, also where the key has none: then it asks that there be none.
pub(crate) fn askable_tuple(key: &FlowKey) -> Option<Header> {
    match key.u16(Field::EthType)? {
        ethertype::IPV4 => Some(Header::CtTuple4),
        // The target of neighbour discovery and the tuple share their place in the kernel's key.
        ethertype::IPV6 if !key.has(Field::NdTarget) => Some(Header::CtTuple6),
        _ => None,
    }
}
