//! The options that subnet, host and bridge imply, with the configured ones put over them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::configured::Configured;
use super::name::is_host_name;
use super::value::push_route;
use super::{Target, code};
use crate::lease::Lease;

const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// A lease for ever; it has no times of renewal.
const FOR_EVER: u32 = u32::MAX;

/// Options by code.
pub(crate) type Options = BTreeMap<u8, Vec<u8>>;

/// All options that a lease offers its client.
pub(crate) fn options(lease: &Lease<'_>, configured: &Configured) -> Options {
    let subnet = lease.subnet;
    let mut options = Options::from([
        (code::SUBNET_MASK, subnet.prefix.netmask().octets().into()),
        (code::LEASE_TIME, lease.seconds().to_be_bytes().into()),
    ]);
    // A subnet of one or two addresses has none for broadcast (RFC 3021).
    if subnet.prefix.prefix_len() < 31 {
        let broadcast = subnet.prefix.broadcast().octets().into();
        options.insert(code::BROADCAST, broadcast);
    }
    if let Some(router) = router(lease) {
        options.insert(code::ROUTER, router.octets().into());
    }
    let dns = dns_servers(lease);
    if !dns.is_empty() {
        options.insert(code::DNS_SERVER, dns);
    }
    if let Some(name) = lease.host.name.as_deref().filter(|name| is_host_name(name)) {
        options.insert(code::HOST_NAME, name.into());
    }
    if let Some(mtu) = lease.mtu() {
        options.insert(code::INTERFACE_MTU, mtu.to_be_bytes().into());
    }
    for (code, value) in configured.options() {
        match value {
            Some(value) => options.insert(code, value.into()),
            None => options.remove(&code),
        };
    }
    // What follows from other options takes them as configured.
    imply(&mut options, configured, code::ROUTES, |options| {
        routes(lease, options)
    });
    imply(&mut options, configured, code::MS_ROUTES, |options| {
        options.get(&code::ROUTES).cloned()
    });
    imply(&mut options, configured, code::RENEWAL_TIME, |options| {
        share_of_lease(options, |lease| lease / 2)
    });
    imply(&mut options, configured, code::REBINDING_TIME, |options| {
        share_of_lease(options, |lease| lease - lease / 8)
    });
    options
}

/// Adds an option unless the configuration says something about it.
fn imply(
    options: &mut Options,
    configured: &Configured,
    code: u8,
    value: impl FnOnce(&Options) -> Option<Vec<u8>>,
) {
    if configured.get(Target::Option(code)).is_none()
        && let Some(value) = value(options)
    {
        options.insert(code, value);
    }
}

/// The default gateway: the subnet's, else that of a static default route.
fn router(lease: &Lease<'_>) -> Option<Ipv4Addr> {
    let routes = &lease.subnet.static_routes;
    let default = routes
        .iter()
        .find(|route| route.destination.prefix_len() == 0);
    lease
        .subnet
        .default_gateway
        .or_else(|| default.map(|route| route.gateway))
}

/// The DNS servers; 0.0.0.0 stands for "none", as in Neutron.
fn dns_servers(lease: &Lease<'_>) -> Vec<u8> {
    let resolver = lease
        .resolver
        .filter(|_| lease.subnet.dns_servers.is_empty());
    lease
        .subnet
        .dns_servers
        .iter()
        .copied()
        .chain(resolver)
        .filter(|server| !server.is_unspecified())
        .flat_map(|server| server.octets())
        .collect()
}

/// The classless routes. If there are any, the default route is among them: a client that gets this
/// option ignores the one of routers (RFC 3442).
fn routes(lease: &Lease<'_>, options: &Options) -> Option<Vec<u8>> {
    let statics = &lease.subnet.static_routes;
    let mut out = Vec::new();
    if lease.metadata_route && !statics.iter().any(|r| r.destination == METADATA.into()) {
        push_route(&mut out, METADATA.into(), lease.server);
    }
    for route in statics {
        push_route(&mut out, route.destination, route.gateway);
    }
    let router = options
        .get(&code::ROUTER)
        .and_then(|routers| routers.first_chunk::<4>());
    if let Some(&router) = router
        && !out.is_empty()
        && !statics.iter().any(|r| r.destination.prefix_len() == 0)
    {
        push_route(&mut out, Ipv4Net::default(), router.into());
    }
    (!out.is_empty()).then_some(out)
}

/// A time within the lease, if the lease has an end.
fn share_of_lease(options: &Options, share: impl FnOnce(u32) -> u32) -> Option<Vec<u8>> {
    let seconds = options.get(&code::LEASE_TIME)?.as_slice().try_into().ok()?;
    let seconds = u32::from_be_bytes(seconds);
    (seconds != FOR_EVER).then(|| share(seconds).to_be_bytes().into())
}
