//! DHCPv4 as a local service of bridges: which messages it takes.
//!
//! The key proves that a message is a client's and that the frame's source is a host of the bridge. The
//! bytes then have to show that it speaks for itself: a relayed message, or one with another's `chaddr`,
//! is ordinary traffic, and so is whatever only looks like DHCP. What the server says is `weft-dhcp`'s.

use std::net::Ipv4Addr;
use std::ops::ControlFlow;

use weft_dhcp::{Answer, CLIENT_PORT, Lease, Request, SERVER_PORT};
use weft_flow::Field;
use weft_flow::present::{ethertype, fragment, protocol};
use weft_topology::Tag;
use weft_topology::dhcp::{DhcpHost, DhcpSubnet, SERVER_MAC};

use crate::effect::{Effect, Unanswered};
use crate::message;
use crate::probe::Probe;
use crate::punt::PuntClass;
use crate::reason::Reason;
use crate::trace::What;
use crate::walk::{Flow, Purpose, Walk};

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
    if walk.purpose == Purpose::Judge {
        return walk.punt(PuntClass::Dhcp, Reason::Dhcp(host.id));
    }
    let frame = walk.probe.packet();
    if !message::is_clients_own(frame, mac) {
        let step = What::HandedBack(PuntClass::Dhcp);
        walk.probe.step(Some(host.id.into()), step);
        walk.is_handed_back = true;
        return ControlFlow::Continue(());
    }
    ControlFlow::Break(answer(walk, frame, subnet, host))
}

/// Lets the server speak.
fn answer(walk: &mut Walk<'_, '_>, frame: &[u8], subnet: &DhcpSubnet, host: &DhcpHost) -> Reason {
    match reply(walk, frame, subnet, host) {
        Ok(frame) => {
            walk.probe.lists.effects.push(Effect::Answer {
                port: walk.ingress.id,
                frame,
                class: PuntClass::Dhcp,
            });
            Reason::Dhcp(host.id)
        }
        Err(why) => {
            let host = host.id;
            walk.probe
                .lists
                .effects
                .push(Effect::Unanswered { host, why });
            Reason::DhcpUnanswered(host)
        }
    }
}

fn reply(
    walk: &Walk<'_, '_>,
    frame: &[u8],
    subnet: &DhcpSubnet,
    host: &DhcpHost,
) -> Result<Vec<u8>, Unanswered> {
    let bridge = walk.snapshot.bridge(walk.bridge).here();
    let server = walk.snapshot.dhcp_server(subnet.id);
    let (bridge, server) = bridge.zip(server).ok_or(Unanswered::NoServer)?;
    let frame = weft_dhcp::parse_frame(frame)?;
    let answer = weft_dhcp::answer(&Request {
        payload: frame.payload,
        source_mac: frame.source_mac,
        source: frame.source,
        destination: frame.destination,
        lease: Lease {
            bridge,
            subnet,
            host,
            server,
            metadata_route: false,
            resolver: None,
        },
    });
    match answer {
        Answer::Reply(reply) => Ok(weft_dhcp::frame::reply(&reply, SERVER_MAC)),
        Answer::Silent(why) => Err(why.into()),
        Answer::NotOurs(why) => Err(why.into()),
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

/// Whether the key is a whole DHCP message's to a server. The order keeps masks wide: TCP is told from UDP by one bit of the protocol.
fn is_client_message(probe: &mut Probe<'_>) -> bool {
    probe.is(Field::EthType, ethertype::IPV4.into())
        && probe.is(Field::IpFrag, fragment::NO.into())
        && probe.is(Field::IpProto, protocol::UDP.into())
        && probe.is(Field::TpDst, SERVER_PORT.into())
        && probe.is(Field::TpSrc, CLIENT_PORT.into())
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
