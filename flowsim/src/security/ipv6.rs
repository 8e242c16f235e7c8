//! IPv6: the source, what neighbour discovery says (RFC 4861), and messages that only routers and DHCP servers send.

use std::net::Ipv6Addr;

use ipnet::IpNet;
use weft_flow::present::{fragment, protocol};
use weft_flow::{Field, key};
use weft_topology::MacAddr;

use super::ipv4::is_udp;
use super::{Own, Violation};
use crate::probe::Probe;

/// UDP ports of DHCPv6 (RFC 8415 §7.2).
const DHCP6_CLIENT: u16 = 546;
const DHCP6_SERVER: u16 = 547;

const MULTICAST_LISTENER_REPORT: u128 = 131;
const ROUTER_ADVERTISEMENT: u128 = 134;
const NEIGHBOUR_SOLICITATION: u128 = 135;
const NEIGHBOUR_ADVERTISEMENT: u128 = 136;
const MULTICAST_LISTENER_REPORT_2: u128 = 143;

/// ff02::/16: groups of the link.
const LINK_GROUPS: u128 = 0xff02 << 112;
const FIRST_16_BITS: u128 = 0xffff << 112;

pub(super) fn violation(probe: &mut Probe<'_>, own: Own<'_>) -> Option<Violation> {
    if is_udp(probe, DHCP6_SERVER, DHCP6_CLIENT) {
        return Some(Violation::DhcpServer);
    }
    let icmp = icmp_type(probe);
    match icmp {
        Some(ROUTER_ADVERTISEMENT) => return Some(Violation::Router),
        Some(NEIGHBOUR_SOLICITATION | NEIGHBOUR_ADVERTISEMENT)
            if !speaks_for_itself(probe, own, icmp == Some(NEIGHBOUR_ADVERTISEMENT)) =>
        {
            return Some(Violation::Neighbour);
        }
        _ => {}
    }
    let is_own = has(probe, Field::Ipv6Src, own, own.source);
    if is_own || looks_for_its_address(probe, icmp) {
        None
    } else {
        Some(Violation::Source)
    }
}

/// The ICMPv6 type, as far as it matters here.
fn icmp_type(probe: &mut Probe<'_>) -> Option<u128> {
    if probe.is(Field::IpFrag, fragment::LATER.into())
        || !probe.is(Field::IpProto, protocol::ICMPV6.into())
        || !probe.is_between(
            Field::IcmpType,
            MULTICAST_LISTENER_REPORT,
            MULTICAST_LISTENER_REPORT_2,
        )
    {
        return None;
    }
    probe.read(Field::IcmpType)
}

/// Whether an address field has one that a MAC of the guest may use.
fn has(probe: &mut Probe<'_>, field: Field, own: Own<'_>, mac: MacAddr) -> bool {
    probe.is(field, link_local(mac).to_bits())
        || own.with(mac).any(|pair| match pair.prefix {
            IpNet::V6(prefix) => {
                let (value, mask) = (prefix.addr().to_bits(), prefix.netmask().to_bits());
                probe.is_in(field, value, mask)
            }
            IpNet::V4(_) => false,
        })
}

/// The link-local address that a MAC gives (RFC 4291 appendix A).
fn link_local(mac: MacAddr) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.octets();
    let word = |high: u8, low: u8| u16::from_be_bytes([high, low]);
    Ipv6Addr::new(
        0xfe80,
        0,
        0,
        0,
        word(a ^ 2, b),
        word(c, 0xff),
        word(0xfe, d),
        word(e, f),
    )
}

/// Before it has an address, it speaks from `::`: to groups of the link, about neighbours and groups.
fn looks_for_its_address(probe: &mut Probe<'_>, icmp: Option<u128>) -> bool {
    let about = matches!(
        icmp,
        Some(MULTICAST_LISTENER_REPORT | NEIGHBOUR_SOLICITATION | MULTICAST_LISTENER_REPORT_2)
    );
    about && probe.is(Field::Ipv6Src, 0) && probe.is_in(Field::Ipv6Dst, LINK_GROUPS, FIRST_16_BITS)
}

/// Whether the MACs in neighbour discovery are the guest's, and the target of an advertisement, too. In fragments
/// (RFC 6980), with a code, or so that it cannot be read, it must say nothing.
fn speaks_for_itself(probe: &mut Probe<'_>, own: Own<'_>, advertises: bool) -> bool {
    if !probe.is(Field::IpFrag, fragment::NO.into()) || !probe.is(Field::IcmpCode, 0) {
        return false;
    }
    // The kernel shows nothing of a message in which an option stands twice (`parse_icmpv6` of `net/openvswitch/flow.c`);
    // who receives it reads one of them. No message is about `::`.
    if probe.is(Field::NdTarget, 0) {
        return false;
    }
    let option = if advertises {
        Field::NdTll
    } else {
        Field::NdSll
    };
    let said = probe.read(option).filter(|mac| *mac != 0);
    let mac = said.map_or(own.source, key::mac_from_bits);
    own.has_mac(mac) && (!advertises || has(probe, Field::NdTarget, own, mac))
}
