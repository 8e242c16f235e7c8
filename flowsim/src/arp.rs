//! ARP requests (RFC 826) that the bridge answers itself, from the addresses that it knows: the
//! operator's ARP table, DHCP hosts and DHCP servers.
//!
//! An answer needs nothing but the key. It is given packet by packet all the same: a flow's actions
//! cannot make one, as the kernel has no way to swap two addresses.

use std::net::Ipv4Addr;
use std::ops::ControlFlow;

use weft_flow::Field;
use weft_flow::present::ethertype;
use weft_topology::dhcp::SERVER_MAC;
use weft_topology::{MacAddr, Tag};

use crate::dhcp;
use crate::effect::Effect;
use crate::logged;
use crate::probe::Probe;
use crate::punt::PuntClass;
use crate::reason::Reason;
use crate::trace::What;
use crate::walk::{Flow, Purpose, Walk};

const REQUEST: u128 = 1;
const REPLY: u16 = 2;
const BROADCAST: MacAddr = MacAddr(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
/// Hardware type Ethernet, protocol type IPv4, and the lengths of their addresses.
const ETHERNET_IPV4: [u8; 6] = [0x00, 0x01, 0x08, 0x00, 6, 4];

/// Answers a request for an address that the bridge knows. Anything else is ordinary traffic.
pub(crate) fn is_answered(walk: &mut Walk<'_, '_>) -> Flow {
    if walk.vlan != 0 {
        return ControlFlow::Continue(());
    }
    let Some(target) = target(walk.probe) else {
        return ControlFlow::Continue(());
    };
    let Some(mac) = owner(walk, target) else {
        let step = What::AsksForUnknown(target.into());
        walk.probe.step(Some(walk.bridge.into()), step);
        return ControlFlow::Continue(());
    };
    let step = What::AsksFor(target.into(), mac);
    walk.probe.step(Some(walk.bridge.into()), step);
    // A station that probes for its own address (RFC 5227) must not be told that it is taken.
    if walk.probe.is_mac(Field::ArpSha, mac) {
        return ControlFlow::Continue(());
    }
    let reason = Reason::Arp(walk.bridge, mac);
    match walk.purpose {
        Purpose::Judge => walk.punt(PuntClass::Arp, reason),
        Purpose::Serve => {
            logged::forget(walk);
            let frame = reply(walk.probe, target, mac);
            walk.probe.lists.effects.push(Effect::Answer {
                port: walk.ingress.id,
                frame,
                class: PuntClass::Arp,
            });
            ControlFlow::Break(reason)
        }
    }
}

/// The address that a request asks for, unless it is gratuitous (asks for the sender's own) or meant
/// for one station.
fn target(probe: &mut Probe<'_>) -> Option<Ipv4Addr> {
    let request =
        probe.is(Field::EthType, ethertype::ARP.into()) && probe.is(Field::ArpOp, REQUEST);
    if !request
        || !(probe.is_mac(Field::EthDst, BROADCAST) || probe.is_mac(Field::EthDst, SERVER_MAC))
    {
        return None;
    }
    let target = probe.ipv4(Field::ArpTip)?;
    let gratuitous = probe.is(Field::ArpSip, target.to_bits().into());
    (!gratuitous).then_some(target)
}

/// The MAC that the bridge knows for an address.
fn owner(walk: &mut Walk<'_, '_>, addr: Ipv4Addr) -> Option<MacAddr> {
    let (snapshot, bridge) = (walk.snapshot, walk.bridge);
    walk.probe.tag(Tag::Neighbour(bridge, addr.into()));
    snapshot
        .arp_entry(bridge, addr.into())
        .or_else(|| Some(snapshot.dhcp_host_by_addr(bridge, addr)?.mac))
        .or_else(|| dhcp::server_has(walk, addr).then_some(SERVER_MAC))
}

/// The frame that answers: `mac` has `target`.
fn reply(probe: &mut Probe<'_>, target: Ipv4Addr, mac: MacAddr) -> Vec<u8> {
    let mut octets = |field| probe.mac(field).unwrap_or_default().octets();
    let (asker, asker_hardware) = (octets(Field::EthSrc), octets(Field::ArpSha));
    let asker_addr = probe
        .ipv4(Field::ArpSip)
        .unwrap_or(Ipv4Addr::UNSPECIFIED)
        .octets();
    let mac = mac.octets();
    let parts: [&[u8]; 9] = [
        &asker,
        &mac,
        &ethertype::ARP.to_be_bytes(),
        &ETHERNET_IPV4,
        &REPLY.to_be_bytes(),
        &mac,
        &target.octets(),
        &asker_hardware,
        &asker_addr,
    ];
    parts.concat()
}
