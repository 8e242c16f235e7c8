//! DHCPv4 as a local service of bridges: which messages it takes.
//!
//! The key proves that a message is a client's and that the frame's source is a host of the bridge. The
//! bytes then have to show that it speaks for itself: a relayed message, or one with another's `chaddr`,
//! is ordinary traffic, and so is whatever only looks like DHCP. What the server says is `weft-dhcp`'s.

use std::net::Ipv4Addr;
use std::ops::ControlFlow;

use weft_flow::Field;
use weft_flow::present::{ethertype, fragment, protocol};
use weft_topology::Tag;
use weft_topology::dhcp::SERVER_MAC;

use crate::probe::Probe;
use crate::punt::PuntClass;
use crate::reason::Reason;
use crate::trace::What;
use crate::walk::{Flow, Purpose, Walk};

const CLIENT_PORT: u128 = 68;
const SERVER_PORT: u128 = 67;

/// Takes the messages of the bridge's DHCP hosts.
pub(crate) fn is_for_server(walk: &mut Walk<'_, '_>) -> Flow {
    if walk.vlan != 0 || !is_client_message(walk.probe) || !is_for_a_server(walk) {
        return ControlFlow::Continue(());
    }
    let Some(mac) = walk.probe.mac(Field::EthSrc) else {
        return ControlFlow::Continue(());
    };
    walk.probe.tag(Tag::Dhcp(walk.bridge, mac));
    let Some((subnet, host)) = walk
        .snapshot
        .dhcp_host(walk.bridge, mac)
        .filter(|(subnet, _)| subnet.enabled)
    else {
        walk.probe.step(None, What::IsNoDhcpHost(mac));
        return ControlFlow::Continue(());
    };
    walk.probe.step(Some(host.id.into()), What::IsDhcpHost(mac));
    match walk.purpose {
        Purpose::Judge => walk.punt(PuntClass::Dhcp, Reason::Dhcp(host.id)),
        Purpose::Serve => {
            let _ = subnet;
            ControlFlow::Continue(())
        }
    }
}

/// Ends what is meant for the server and was not taken by it: it forwards nothing, and no guest shall
/// see it.
pub(crate) fn sink(walk: &mut Walk<'_, '_>) -> Flow {
    if walk.vlan == 0 && walk.probe.is_mac(Field::EthDst, SERVER_MAC) {
        return ControlFlow::Break(Reason::ForServer(walk.bridge));
    }
    ControlFlow::Continue(())
}

/// Whether an address is that of an enabled subnet's server.
pub(crate) fn server_has(walk: &mut Walk<'_, '_>, addr: Ipv4Addr) -> bool {
    let (snapshot, bridge) = (walk.snapshot, walk.bridge);
    walk.probe.tag(Tag::Neighbour(bridge, addr.into()));
    snapshot
        .dhcp_subnets(bridge)
        .any(|subnet| subnet.enabled && snapshot.dhcp_server(subnet.id) == Some(addr))
}

/// The order keeps masks wide: TCP is told from UDP by one bit of the protocol.
fn is_client_message(probe: &mut Probe<'_>) -> bool {
    probe.is(Field::EthType, ethertype::IPV4.into())
        && probe.is(Field::IpFrag, fragment::NO.into())
        && probe.is(Field::IpProto, protocol::UDP.into())
        && probe.is(Field::TpDst, SERVER_PORT)
        && probe.is(Field::TpSrc, CLIENT_PORT)
}

fn is_for_a_server(walk: &mut Walk<'_, '_>) -> bool {
    let broadcast = Ipv4Addr::BROADCAST.to_bits().into();
    if walk.probe.is(Field::Ipv4Dst, broadcast) {
        return true;
    }
    walk.probe
        .ipv4(Field::Ipv4Dst)
        .is_some_and(|addr| server_has(walk, addr))
}
