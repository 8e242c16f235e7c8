//! Values of conditions and translations as people write them: `80-90`, `tcp`, `10.0.0.0/8`.
//!
//! Each is written (`Display`) in the shortest form that reads (`FromStr`) as the same value.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use pnet_base::MacAddr;

use crate::chain::{FragmentPolicy, MaskedMac, NatTarget, PortRange};

/// Names of IP protocols (IANA's protocol numbers).
const PROTOCOLS: [(u8, &str); 5] = [
    (1, "icmp"),
    (6, "tcp"),
    (17, "udp"),
    (58, "icmpv6"),
    (132, "sctp"),
];
/// Names of ethertypes (IANA's IEEE 802 numbers).
const ETHER_TYPES: [(u16, &str); 3] = [(0x0800, "ipv4"), (0x0806, "arp"), (0x86dd, "ipv6")];
/// Every bit of a MAC.
const ALL_BITS: MacAddr = MacAddr(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);

/// An IP protocol: its name, else its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol(pub u8);

/// An ethertype: its name, else its number, in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EtherType(pub u16);

/// A prefix; all of an address is written without its length. Bits beyond the length stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix(pub IpNet);

/// Why a text is not such a value: what was wanted, and the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not {wanted}")]
pub struct ParseTextError {
    wanted: &'static str,
    text: String,
}

fn not(wanted: &'static str, text: &str) -> ParseTextError {
    let text = text.to_owned();
    ParseTextError { wanted, text }
}

// === impl Protocol ===

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match PROTOCOLS.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
}

impl FromStr for Protocol {
    type Err = ParseTextError;

    fn from_str(text: &str) -> Result<Self, ParseTextError> {
        let wanted = "an IP protocol: want 0 to 255, icmp, tcp, udp, icmpv6 or sctp";
        match PROTOCOLS.iter().find(|(_, name)| *name == text) {
            Some((number, _)) => Ok(Self(*number)),
            None => text.parse().map(Self).map_err(|_| not(wanted, text)),
        }
    }
}

// === impl EtherType ===

impl fmt::Display for EtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ETHER_TYPES.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}

impl FromStr for EtherType {
    type Err = ParseTextError;

    fn from_str(text: &str) -> Result<Self, ParseTextError> {
        let wanted = "an ethertype: want a number such as 0x88cc, ipv4, ipv6 or arp";
        if let Some((number, _)) = ETHER_TYPES.iter().find(|(_, name)| *name == text) {
            return Ok(Self(*number));
        }
        let number = match text.strip_prefix("0x") {
            Some(digits) => u16::from_str_radix(digits, 16),
            None => text.parse(),
        };
        number.map(Self).map_err(|_| not(wanted, text))
    }
}

// === impl Prefix ===

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            self.0.addr().fmt(f)
        } else {
            self.0.fmt(f)
        }
    }
}

impl FromStr for Prefix {
    type Err = ParseTextError;

    fn from_str(text: &str) -> Result<Self, ParseTextError> {
        let wanted = "an address or a prefix such as 10.0.0.0/8";
        if let Ok(addr) = text.parse::<IpAddr>() {
            return Ok(Self(addr.into()));
        }
        text.parse().map(Self).map_err(|_| not(wanted, text))
    }
}

// === impl PortRange ===

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            self.first.fmt(f)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl FromStr for PortRange {
    type Err = ParseTextError;

    fn from_str(text: &str) -> Result<Self, ParseTextError> {
        let wanted = "a port or a range of ports such as 80 or 8000-8080";
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let number = |text: &str| text.trim().parse().map_err(|_| wanted);
        match (number(first), number(last)) {
            (Ok(first), Ok(last)) => Ok(Self { first, last }),
            _ => Err(not(wanted, text)),
        }
    }
}

// === impl MaskedMac ===

impl fmt::Display for MaskedMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mask == ALL_BITS {
            self.mac.fmt(f)
        } else {
            write!(f, "{}/{}", self.mac, self.mask)
        }
    }
}

impl FromStr for MaskedMac {
    type Err = ParseTextError;

    fn from_str(text: &str) -> Result<Self, ParseTextError> {
        let wanted = "a MAC, or a MAC and a mask such as 02:00:00:00:00:00/ff:00:00:00:00:00";
        let (mac, mask) = match text.split_once('/') {
            Some((mac, mask)) => (mac.parse(), mask.parse()),
            None => (text.parse(), Ok(ALL_BITS)),
        };
        match (mac, mask) {
            (Ok(mac), Ok(mask)) => Ok(Self { mac, mask }),
            _ => Err(not(wanted, text)),
        }
    }
}

impl From<MacAddr> for MaskedMac {
    fn from(mac: MacAddr) -> Self {
        Self {
            mac,
            mask: ALL_BITS,
        }
    }
}

// === impl NatTarget ===

/// Addresses, and the ports behind `port`: `10.0.0.5-10.0.0.9 port 1024-2047`.
impl fmt::Display for NatTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        if self.last != self.first {
            write!(f, "-{}", self.last)?;
        }
        match self.ports {
            Some(ports) => write!(f, " port {ports}"),
            None => Ok(()),
        }
    }
}

impl FromStr for NatTarget {
    type Err = ParseTextError;

    fn from_str(text: &str) -> Result<Self, ParseTextError> {
        let wanted = "a target such as 10.0.0.5, 10.0.0.5-10.0.0.9 or 10.0.0.5 port 1024-2047";
        let (addresses, ports) = match text.split_once(" port ") {
            Some((addresses, ports)) => (addresses, Some(ports)),
            None => (text, None),
        };
        let (first, last) = addresses.split_once('-').unwrap_or((addresses, addresses));
        let ports = ports.map(str::parse).transpose();
        match (first.trim().parse(), last.trim().parse(), ports) {
            (Ok(first), Ok(last), Ok(ports)) => Ok(Self { first, last, ports }),
            _ => Err(not(wanted, text)),
        }
    }
}

// === impl FragmentPolicy ===

impl FragmentPolicy {
    const NAMES: [(FragmentPolicy, &str); 4] = [
        (FragmentPolicy::Any, "any"),
        (FragmentPolicy::Nonheader, "nonheader"),
        (FragmentPolicy::Header, "header"),
        (FragmentPolicy::Unfragmented, "unfragmented"),
    ];
}

impl fmt::Display for FragmentPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Self::NAMES.iter();
        let name = names.find(|(policy, _)| policy == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

impl FromStr for FragmentPolicy {
    type Err = ParseTextError;

    fn from_str(text: &str) -> Result<Self, ParseTextError> {
        let wanted = "a fragment policy: want any, nonheader, header or unfragmented";
        let mut names = Self::NAMES.iter();
        let named = names.find(|(_, name)| *name == text);
        named
            .map(|(policy, _)| *policy)
            .ok_or_else(|| not(wanted, text))
    }
}
