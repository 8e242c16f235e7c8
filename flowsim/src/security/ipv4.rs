//! IPv4: the source, and messages that only a DHCP server sends.

use std::net::Ipv4Addr;

use ipnet::IpNet;
use weft_dhcp::{CLIENT_PORT, SERVER_PORT};
use weft_flow::Field;
use weft_flow::present::{fragment, protocol};

use super::{Own, Violation};
use crate::probe::Probe;

pub(super) fn violation(probe: &mut Probe<'_>, own: Own<'_>) -> Option<Violation> {
    if is_udp(probe, SERVER_PORT, CLIENT_PORT) {
        return Some(Violation::DhcpServer);
    }
    let is_own = own.with(own.source).any(|pair| match pair.prefix {
        IpNet::V4(prefix) => {
            let (value, mask) = (prefix.addr().to_bits(), prefix.netmask().to_bits());
            probe.is_in(Field::Ipv4Src, value.into(), mask.into())
        }
        IpNet::V6(_) => false,
    });
    if is_own || is_dhcp_client_without_address(probe) {
        None
    } else {
        Some(Violation::Source)
    }
}

/// A client that has no address yet (RFC 2131 §4.1).
fn is_dhcp_client_without_address(probe: &mut Probe<'_>) -> bool {
    probe.is(Field::Ipv4Src, 0)
        && probe.is(Field::Ipv4Dst, Ipv4Addr::BROADCAST.to_bits().into())
        && is_udp(probe, CLIENT_PORT, SERVER_PORT)
}

/// Whether it is UDP between two ports; a later fragment has none.
pub(super) fn is_udp(probe: &mut Probe<'_>, source: u16, destination: u16) -> bool {
    !probe.is(Field::IpFrag, fragment::LATER.into())
        && probe.is(Field::IpProto, protocol::UDP.into())
        && probe.is(Field::TpDst, destination.into())
        && probe.is(Field::TpSrc, source.into())
}
