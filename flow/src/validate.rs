//! What the kernel takes for a flow.
//!
//! It answers a flow that it does not take with EINVAL and no reason. [`kernel_accepts`] names the reason
//! beforehand; a flow whose key came from an upcall and whose mask is of [`crate::dictionary`] is taken.

use crate::codec::kind;
use crate::field::Field;
use crate::header::Header;
use crate::key::FlowKey;
use crate::mask::FlowMask;
use crate::present::{Headers, VLAN_PRESENT, ethertype, fragment, transport};

/// Datapath port numbers lie below this (`DP_MAX_PORTS`).
pub const MAX_PORTS: u32 = 0xffff;

/// Why the kernel would refuse a flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Neither an Ethernet header nor an ethertype is in the key.
    #[error("the key has neither Ethernet addresses nor an ethertype")]
    NoEthernet,
    /// The ethertype or protocol demands a header that the key lacks.
    #[error("the key's protocol demands {0:?}")]
    HeaderMissing(Header),
    /// The ethertype demands an attribute that the key lacks.
    #[error("the key's ethertype demands attribute {0}")]
    AttributeMissing(u16),
    /// The key has a header that packets of its ethertype and protocol do not have.
    #[error("packets of the key's protocol have no {0:?}")]
    HeaderForeign(Header),
    /// A field's value is out of the kernel's range.
    #[error("the key's {0:?} is out of range")]
    OutOfRange(Field),
    /// The VLAN tag's control information lacks the bit that says that there is one.
    #[error("the key's {0:?} does not say that there is a tag")]
    NoTag(Field),
    /// The tunnel header has no TTL, or no destination.
    #[error("the key's tunnel header has no {0}")]
    TunnelWithout(&'static str),
    /// The tunnel header has addresses of both families.
    #[error("the key's tunnel header is of IPv4 and of IPv6")]
    TunnelOfBoth,
    /// The tunnel options are not whole words, or too many.
    #[error("{0} bytes of tunnel options")]
    TunnelOptions(usize),
    /// The mask compares a field of a header, but not in full what says that it is there.
    #[error("the mask compares {field:?}, but not all of {decides:?}")]
    NotDecided {
        /// The compared field.
        field: Field,
        /// The field that must be compared in full.
        decides: Field,
    },
    /// Neighbour discovery and the original direction's tuple cannot both be compared.
    #[error("the mask compares the original tuple of a neighbour discovery packet")]
    TupleOfNd,
}

/// Whether the kernel takes a flow with this key and mask, and if not, the first reason.
pub fn kernel_accepts(key: &FlowKey, mask: &FlowMask) -> Result<(), Refusal> {
    check_metadata(key)?;
    check_tunnel(key)?;
    check_tags(key, mask)?;
    check_headers(key)?;
    check_mask(key, mask)
}

/// The headers that the key's ethertype and protocol demand.
fn demanded(key: &FlowKey) -> Headers {
    let mut headers = Headers::default();
    let network = match key.u16(Field::EthType) {
        Some(ethertype::IPV4) => Header::Ipv4,
        Some(ethertype::IPV6) => Header::Ipv6,
        Some(ethertype::ARP | ethertype::RARP) => Header::Arp,
        _ => return headers,
    };
    headers.insert(network);
    if network == Header::Arp || key.get(Field::IpFrag) == Some(fragment::LATER.into()) {
        return headers;
    }
    match transport(key) {
        // Each ICMP is of its own IP; in the other's packets it is a protocol like any.
        Some(Header::Icmp) if network == Header::Ipv6 => {}
        Some(Header::Icmpv6) if network == Header::Ipv4 => {}
        Some(header) => headers.insert(header),
        None => {}
    }
    if headers.contains(Header::Tcp) {
        headers.insert(Header::TcpFlags);
    }
    if headers.contains(Header::Icmpv6) && is_nd_type(key) {
        headers.insert(Header::Nd);
    }
    headers
}

fn is_nd_type(key: &FlowKey) -> bool {
    matches!(key.get(Field::IcmpType), Some(135 | 136))
}

impl FlowKey {
    /// Adds, as 0, the fields that the kernel demands beside those that are there: the other fields of a
    /// header, and the headers of the ethertype and protocol.
    pub fn complete(&mut self) -> &mut Self {
        for (header, one) in [
            (Header::Ethernet, Field::EthSrc),
            (Header::Ethernet, Field::EthDst),
        ] {
            if self.has(one) {
                self.add_zeros(header);
            }
        }
        // The protocol shows when the network header is there, and the ICMP type after that.
        for _ in 0..2 {
            for header in demanded(self).iter() {
                self.add_zeros(header);
            }
        }
        for (tci, tpid) in [
            (Field::VlanTci, Field::VlanTpid),
            (Field::InnerVlanTci, Field::InnerVlanTpid),
        ] {
            if self.has(tci) && !self.has(tpid) {
                self.set(tpid, ethertype::VLAN.into());
            }
        }
        if self.has_tunnel() {
            for field in [Field::TunTtl, Field::TunFlags] {
                if !self.has(field) {
                    self.set(field, 0);
                }
            }
        }
        self
    }

    fn add_zeros(&mut self, header: Header) {
        for field in header.fields() {
            if !self.has(field) {
                self.set(field, 0);
            }
        }
    }
}

fn check_metadata(key: &FlowKey) -> Result<(), Refusal> {
    if key
        .get(Field::InPort)
        .is_some_and(|port| port >= MAX_PORTS.into())
    {
        return Err(Refusal::OutOfRange(Field::InPort));
    }
    Ok(())
}

fn check_tunnel(key: &FlowKey) -> Result<(), Refusal> {
    if !key.has_tunnel() {
        return Ok(());
    }
    let v4 = key.has(Field::TunV4Src) || key.has(Field::TunV4Dst);
    let v6 = key.has(Field::TunV6Src) || key.has(Field::TunV6Dst);
    if v4 && v6 {
        return Err(Refusal::TunnelOfBoth);
    }
    if key.get_or_zero(Field::TunV4Dst) == 0 && key.get_or_zero(Field::TunV6Dst) == 0 {
        return Err(Refusal::TunnelWithout("destination"));
    }
    if !key.has(Field::TunTtl) {
        return Err(Refusal::TunnelWithout("TTL"));
    }
    let options = key.tunnel_options.len();
    if !options.is_multiple_of(4) || options > u8::MAX.into() {
        return Err(Refusal::TunnelOptions(options));
    }
    Ok(())
}

fn check_tags(key: &FlowKey, mask: &FlowMask) -> Result<(), Refusal> {
    for (tpid, tci) in [
        (Field::VlanTpid, Field::VlanTci),
        (Field::InnerVlanTpid, Field::InnerVlanTci),
    ] {
        let Some(value) = key.get(tci) else { continue };
        let tag = u128::from(VLAN_PRESENT);
        let tags = [ethertype::VLAN, ethertype::SERVICE_VLAN];
        if !key.u16(tpid).is_some_and(|kind| tags.contains(&kind)) {
            return Err(Refusal::OutOfRange(tpid));
        }
        if value & tag == 0 {
            return Err(Refusal::NoTag(tci));
        }
        if mask.get(tpid) != tpid.full() || mask.get(tci) & tag == 0 {
            let (field, decides) = (tci, tpid);
            return Err(Refusal::NotDecided { field, decides });
        }
    }
    Ok(())
}

fn check_headers(key: &FlowKey) -> Result<(), Refusal> {
    let headers = Headers::of(key);
    if !headers.contains(Header::Ethernet) && !key.has(Field::EthType) {
        return Err(Refusal::NoEthernet);
    }
    if key.u16(Field::EthType).is_some_and(|kind| kind < 0x0600) {
        return Err(Refusal::OutOfRange(Field::EthType));
    }
    let demanded = demanded(key);
    if let Some(header) = demanded.iter().find(|&header| !headers.contains(header)) {
        return Err(Refusal::HeaderMissing(header));
    }
    let foreign = headers.iter().find(|&header| {
        header > Header::Ethernet && header != Header::Ipv6Exthdrs && !demanded.contains(header)
    });
    if let Some(header) = foreign {
        return Err(Refusal::HeaderForeign(header));
    }
    let missing = match key.u16(Field::EthType) {
        Some(ethertype::MPLS | ethertype::MPLS_MULTICAST) => Some(kind::MPLS),
        Some(ethertype::NSH) => Some(kind::NSH),
        _ => None,
    };
    if let Some(number) = missing
        && key.unknown.iter().all(|(_, attr)| attr.kind != number)
    {
        return Err(Refusal::AttributeMissing(number));
    }
    if key
        .get(Field::IpFrag)
        .is_some_and(|kind| kind > fragment::LATER.into())
    {
        return Err(Refusal::OutOfRange(Field::IpFrag));
    }
    Ok(())
}

/// A header's bits may count only if all bits of what says that it is there do.
fn check_mask(key: &FlowKey, mask: &FlowMask) -> Result<(), Refusal> {
    for header in Headers::of(key).iter() {
        let deciders: &[Field] = match header {
            Header::Ipv4 | Header::Ipv6 | Header::Arp => &[Field::EthType],
            Header::CtTuple4 | Header::CtTuple6 => &[Field::EthType],
            Header::Tcp | Header::TcpFlags | Header::Udp => &[Field::EthType, Field::IpProto],
            Header::Sctp | Header::Icmp | Header::Icmpv6 => &[Field::EthType, Field::IpProto],
            Header::Nd => &[Field::EthType, Field::IpProto, Field::IcmpType],
            _ => continue,
        };
        let Some(field) = header.fields().find(|&field| mask.get(field) != 0) else {
            continue;
        };
        if header == Header::CtTuple6 && key.has(Field::NdTarget) {
            return Err(Refusal::TupleOfNd);
        }
        let undecided = |decides: &&Field| mask.get(**decides) != decides.full();
        // The kernel widens the ethertype's mask by itself.
        let ethertype = mask.get(Field::EthType) != 0;
        let open = |decides: &&Field| **decides != Field::EthType || !ethertype;
        if let Some(&decides) = deciders.iter().filter(open).find(undecided) {
            return Err(Refusal::NotDecided { field, decides });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
