//! Port security: what a guest may say that it is. Unconditional, and before everything else that looks at a
//! frame's contents: before DHCP, before any chain, before anything is learned.
//!
//! | frame | allowed |
//! |---|---|
//! | any | the source is the MAC of a pair; IPv4, IPv6 or ARP; one VLAN tag at most |
//! | ARP | sender's MAC and address are of one pair; the address may be 0.0.0.0 (a probe) |
//! | IPv4 | the source is in a prefix of a pair with that MAC; a DHCP client has none yet |
//! | IPv6 | the same, or that MAC's link-local address (RFC 4291 appendix A); `::` while it looks for its address |
//! | neighbour discovery | whole; sender's and target's MACs and the advertised target are of one pair |
//! | DHCP servers' messages, router advertisements | never |

mod arp;
mod ipv4;
mod ipv6;

use std::ops::ControlFlow;

use weft_flow::Field;
use weft_flow::present::{VLAN_PRESENT, ethertype};
use weft_topology::port::{AddressPair, PortSecurity};
use weft_topology::{MacAddr, Tag};

use crate::reason::Reason;
use crate::walk::{Flow, Walk};

/// What a guest said that it may not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Violation {
    /// The Ethernet source is none of the port's.
    Mac,
    /// Neither IPv4 nor IPv6 nor ARP.
    EtherType,
    /// A second VLAN tag.
    VlanStack,
    /// The sender's MAC or address in ARP.
    ArpSender,
    /// The IPv4 or IPv6 source.
    Source,
    /// A MAC or target in neighbour discovery, or neighbour discovery in fragments.
    Neighbour,
    /// A DHCP server's message.
    DhcpServer,
    /// A router advertisement.
    Router,
}

impl Violation {
    /// The name of the drop in kebab-case: stable, for metrics and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Violation::Mac => "security-mac",
            Violation::EtherType => "security-ether-type",
            Violation::VlanStack => "security-vlan-stack",
            Violation::ArpSender => "security-arp-sender",
            Violation::Source => "security-source",
            Violation::Neighbour => "security-neighbour",
            Violation::DhcpServer => "security-dhcp-server",
            Violation::Router => "security-router",
        }
    }

    /// What the guest did, after "a guest".
    pub const fn words(self) -> &'static str {
        match self {
            Violation::Mac => "uses a MAC that is not its own",
            Violation::EtherType => "sends an Ethernet type that is neither IP nor ARP",
            Violation::VlanStack => "sends two VLAN tags",
            Violation::ArpSender => "says in ARP that it has an address or MAC that is not its own",
            Violation::Source => "uses a source address that is not its own",
            Violation::Neighbour => {
                "says in neighbour discovery that it has an address or MAC that is not its own"
            }
            Violation::DhcpServer => "speaks as a DHCP server",
            Violation::Router => "speaks as a router",
        }
    }
}

/// A stage: ends a frame in which a guest says that it is another.
pub(crate) fn check(walk: &mut Walk<'_, '_>) -> Flow {
    walk.probe.tag(Tag::Object(walk.ingress.id.into()));
    let Some(security) = &walk.ingress.security else {
        return ControlFlow::Continue(());
    };
    match violation(walk, security) {
        Some(violation) => ControlFlow::Break(Reason::Security(walk.ingress.id, violation)),
        None => ControlFlow::Continue(()),
    }
}

fn violation(walk: &mut Walk<'_, '_>, security: &PortSecurity) -> Option<Violation> {
    // A frame without a source has ended before.
    let source = walk.probe.mac(Field::EthSrc)?;
    let own = Own {
        pairs: &security.pairs,
        source,
    };
    if !own.has_mac(source) {
        return Some(Violation::Mac);
    }
    if is_stacked(walk) {
        return Some(Violation::VlanStack);
    }
    let probe = &mut *walk.probe;
    if probe.is(Field::EthType, ethertype::IPV4.into()) {
        ipv4::violation(probe, own)
    } else if probe.is(Field::EthType, ethertype::ARP.into()) {
        arp::violation(probe, own)
    } else if probe.is(Field::EthType, ethertype::IPV6.into()) {
        ipv6::violation(probe, own)
    } else {
        Some(Violation::EtherType)
    }
}

/// Whether there is a second tag behind the one that names the VLAN.
fn is_stacked(walk: &mut Walk<'_, '_>) -> bool {
    let inner = (Field::InnerVlanTci, u128::from(VLAN_PRESENT));
    walk.vlan != 0 && !walk.priority_tagged && walk.probe.read_bits(inner.0, inner.1).is_some()
}

/// What a guest may say that it has.
#[derive(Clone, Copy)]
struct Own<'a> {
    pairs: &'a [AddressPair],
    /// The frame's source, which is a pair's.
    source: MacAddr,
}

impl<'a> Own<'a> {
    fn has_mac(self, mac: MacAddr) -> bool {
        self.pairs.iter().any(|pair| pair.mac == mac)
    }

    /// The pairs with a MAC.
    fn with(self, mac: MacAddr) -> impl Iterator<Item = &'a AddressPair> {
        self.pairs.iter().filter(move |pair| pair.mac == mac)
    }
}
