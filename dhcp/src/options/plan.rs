//! Which options a reply carries, and in which order.
//!
//! 1. what a lease needs: times, subnet mask; and the MTU, which a client that does not ask for it
//!    needs no less: with a greater one its packets vanish in the tunnel;
//! 2. what the client asked for, in its order (RFC 2132 §9.8 lets a client order by preference);
//! 3. what the operator configured, also if the client did not ask. ISC's server and dnsmasq
//!    send such an option only on request (dnsmasq has `dhcp-option-force` beside it). Here, an option
//!    of a host is its owner's explicit wish, and boot firmware often asks for less than it uses.
//!
//! A client that asks for nothing in particular gets everything. The order is also the priority when
//! not all fits.

use std::net::Ipv4Addr;

use super::built_in::{self, Options};
use super::configured::Configured;
use super::{OptionError, Target, code};
use crate::lease::Lease;
use crate::message::Message;

/// Options that only make sense to a client that asks for them (RFC 8925 §3.3 for the first).
const ONLY_ON_REQUEST: [u8; 2] = [code::IPV6_ONLY, code::MS_ROUTES];
/// What stands before everything that a client asks for, where the reply assigns an address.
const OF_LEASE: [u8; 3] = [code::LEASE_TIME, code::RENEWAL_TIME, code::REBINDING_TIME];
/// What stands there in any case. The mask goes before the routers (RFC 2132 §3.3).
const OF_NETWORK: [u8; 2] = [code::SUBNET_MASK, code::INTERFACE_MTU];
/// Begins the vendor class of firmware that boots by HTTP (UEFI 2.10 §24.7.3).
const HTTP_CLIENT: &[u8] = b"HTTPClient";

/// The contents of a reply, besides who it is from and for.
pub(crate) struct Plan {
    /// Options in order, each code once.
    pub(crate) options: Vec<(u8, Vec<u8>)>,
    /// `siaddr`: the server that the client boots from next.
    pub(crate) next_server: Ipv4Addr,
    /// Configured options that are not valid.
    pub(crate) invalid: Vec<OptionError>,
}

/// Plans the reply to a message; one that `assigns` an address has the options of a lease.
pub(crate) fn plan(lease: &Lease<'_>, message: &Message<'_>, assigns: bool) -> Plan {
    let configured = Configured::read(lease, is_ipxe(message));
    let mut available = built_in::options(lease, &configured);
    if configured.get(Target::Option(code::VENDOR_CLASS)).is_none() {
        available.extend(vendor_class(message, &available));
    }
    let next_server = next_server(lease, &configured, &available);

    let wanted = message.option(code::PARAMETER_REQUEST_LIST);
    let asked = |code| wanted.as_ref().is_some_and(|wanted| wanted.contains(&code));
    let all: Vec<u8> = available
        .keys()
        .copied()
        .filter(|code| !ONLY_ON_REQUEST.contains(code))
        .collect();
    let forced = configured
        .options()
        .map(|(code, _)| code)
        .filter(|&code| code != code::IPV6_ONLY || asked(code));

    let mut order: Vec<u8> = Vec::new();
    if assigns {
        order.extend(OF_LEASE);
    }
    order.extend(
        OF_NETWORK
            .iter()
            .filter(|&&code| !asked(code) || code == code::SUBNET_MASK),
    );
    order.extend(wanted.as_deref().unwrap_or(&all));
    order.push(code::VENDOR_CLASS);
    order.extend(forced);

    let mut options = Vec::new();
    for code in order {
        if !assigns && OF_LEASE.contains(&code) {
            continue;
        }
        // Taking it out keeps a code that stands twice in the order from standing twice in the reply.
        if let Some(value) = available.remove(&code) {
            options.push((code, value));
        }
    }
    Plan {
        options,
        next_server,
        invalid: configured.invalid,
    }
}

/// Whether the client is iPXE: it sends Etherboot's options, or says so as its user class.
fn is_ipxe(message: &Message<'_>) -> bool {
    message.option(code::ETHERBOOT).is_some()
        || message
            .option(code::USER_CLASS)
            .is_some_and(|class| class.as_ref() == b"iPXE")
}

/// Firmware that boots by HTTP takes only offers that say the same class, and gives the boot file as
/// a URL.
fn vendor_class(message: &Message<'_>, available: &Options) -> Option<(u8, Vec<u8>)> {
    let class = message.option(code::VENDOR_CLASS)?;
    let url = available.get(&code::BOOTFILE)?;
    (class.starts_with(HTTP_CLIENT) && url.starts_with(b"http"))
        .then(|| (code::VENDOR_CLASS, HTTP_CLIENT.into()))
}

/// The next server: configured as such, else the TFTP server where that is an address, else the
/// server itself, as clients expect where nothing is said.
fn next_server(lease: &Lease<'_>, configured: &Configured, available: &Options) -> Ipv4Addr {
    let octets = |value: &[u8]| value.first_chunk::<4>().map(|octets| (*octets).into());
    if let Some(value) = configured.get(Target::NextServer) {
        return value.and_then(octets).unwrap_or(Ipv4Addr::UNSPECIFIED);
    }
    let address = available
        .get(&code::TFTP_SERVER_ADDRESS)
        .and_then(|value| octets(value));
    let name = available
        .get(&code::TFTP_SERVER)
        .and_then(|value| str::from_utf8(value).ok()?.parse().ok());
    address.or(name).unwrap_or(lease.server)
}
