//! The address that a subnet's DHCP server speaks from: the one configured, else the default
//! gateway's, else the lowest host address of the subnet that no DHCP host and no ARP entry of the
//! bridge has.
//!
//! The last choice depends on other objects, so the addresses are kept in the snapshot and found
//! again only where a change can have moved one: an address at or below the server's was taken or
//! given back. That search walks over the taken addresses below the new one.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ipnet::Ipv4Net;

use super::tables::Tables;
use crate::dhcp::DhcpSubnet;
use crate::id::{BridgeId, DhcpSubnetId};
use crate::tag::Tag;

impl Tables {
    /// The subnets whose server's address may move when `addr` is taken or given back on a bridge.
    pub(super) fn servers_touched_by(
        &self,
        bridge: BridgeId,
        addr: IpAddr,
        into: &mut BTreeSet<DhcpSubnetId>,
    ) {
        let IpAddr::V4(addr) = addr else { return };
        for length in 0..=32u8 {
            let Ok(prefix) = Ipv4Net::new(addr, length) else {
                continue;
            };
            for subnet in self.subnets_without_server.under(&(bridge, prefix.trunc())) {
                if self.servers.get(&subnet.id).is_none_or(|now| addr <= *now) {
                    into.insert(subnet.id);
                }
            }
        }
    }

    /// Finds a subnet's server's address again, after the objects were written. `old` is the subnet
    /// as it was before.
    pub(super) fn settle_server(
        &mut self,
        id: DhcpSubnetId,
        old: Option<&Arc<DhcpSubnet>>,
        tags: &mut BTreeSet<Tag>,
    ) {
        let new = self.subnet(id).cloned();
        let before = self.servers.get(&id).copied();
        let after = new.as_ref().and_then(|subnet| self.choose_server(subnet));

        if let Some(old) = old {
            self.subnets_without_server
                .remove((old.bridge, old.prefix.trunc()), id.0);
            if let Some(addr) = before {
                self.subnets_by_server.remove((old.bridge, addr), id.0);
            }
        }
        match after {
            Some(addr) => self.servers.insert(id, addr),
            None => self.servers.remove(&id),
        };
        if let Some(new) = &new {
            if new.server_addr.or(new.default_gateway).is_none() {
                self.subnets_without_server
                    .insert((new.bridge, new.prefix.trunc()), id.0, new);
            }
            if let Some(addr) = after {
                self.subnets_by_server.insert((new.bridge, addr), id.0, new);
            }
        }

        let server = |subnet: Option<&Arc<DhcpSubnet>>, addr: Option<Ipv4Addr>| {
            let subnet = subnet?;
            Some((subnet.bridge, addr?, subnet.enabled, subnet.prefix))
        };
        let (was, is) = (server(old, before), server(new.as_ref(), after));
        if was != is {
            tags.insert(Tag::Object(id.into()));
            for (bridge, addr, ..) in [was, is].into_iter().flatten() {
                tags.insert(Tag::Neighbour(bridge, addr.into()));
            }
        }
    }

    fn choose_server(&self, subnet: &DhcpSubnet) -> Option<Ipv4Addr> {
        subnet.server_addr.or(subnet.default_gateway).or_else(|| {
            subnet
                .prefix
                .hosts()
                .find(|addr| !self.is_taken(subnet.bridge, *addr))
        })
    }

    fn is_taken(&self, bridge: BridgeId, addr: Ipv4Addr) -> bool {
        self.hosts_by_addr.first(&(bridge, addr)).is_some()
            || self.arp_entries.first(&(bridge, addr.into())).is_some()
    }
}
