//! A file's ports: what they are, what carries them, what they are linked to.

use std::collections::{BTreeMap, BTreeSet};

use weft_topology::id::{BridgeId, HostId, PortId};
use weft_topology::port::{AddressPair, Binding, Port, PortDevice, PortSecurity};
use weft_topology::{Change, Kind, Object};
use weft_wire::topology_file::{BindEntry, PairEntry, PortEntry, TopologyFile};

use super::{Present, Reader};
use crate::file::names::{port_id, port_path};
use crate::model::tunnel_key::UNNUMBERED;
use crate::service::binding;

impl<'f> Reader<'f> {
    pub(super) fn port(
        &mut self,
        (bridge_key, key): (&'f str, &'f str),
        bridge: BridgeId,
        entry: &PortEntry,
        present: Present,
    ) {
        let path = port_path(bridge_key, key);
        let id = port_id(bridge, key, entry);
        let old = self.topology().port(id);
        let forbidden = |c: char| c == '/' || c.is_control();
        if key.is_empty() || key.contains(forbidden) {
            let message = "a port's name is not empty and has no '/' and no control characters";
            self.wrong(&path, message);
        }
        if let Some(old) = old
            && old.bridge() != Some(bridge)
        {
            let message = format!("port {id} belongs to another device; a port cannot move");
            return self.wrong(&path, message);
        }
        let unplugged = || Port {
            id,
            tenant_id: None,
            device: PortDevice::Bridge { bridge },
            admin_state_up: true,
            inbound_filter: None,
            outbound_filter: None,
            port_groups: BTreeSet::new(),
            peer: None,
            binding: None,
            previous_host: None,
            vif_id: None,
            tunnel_key: UNNUMBERED,
            vlan: None,
            security: None,
        };
        let (inbound, outbound) = (format!("{path}.inbound"), format!("{path}.outbound"));
        let groups = entry.groups.iter().enumerate().filter_map(|(place, name)| {
            self.named(Kind::PortGroup, name, &format!("{path}.groups[{place}]"))
        });
        let port_groups = groups.collect();
        let mut port = Port {
            tenant_id: entry.tenant.clone(),
            admin_state_up: entry.up,
            vif_id: entry.vif,
            vlan: entry.vlan,
            inbound_filter: self.maybe_named(Kind::Chain, entry.inbound.as_ref(), &inbound),
            outbound_filter: self.maybe_named(Kind::Chain, entry.outbound.as_ref(), &outbound),
            port_groups,
            security: entry.security.as_deref().map(security),
            ..old.map_or_else(unplugged, |old| Port::clone(old))
        };
        if let Some(bind) = &entry.bind {
            match self.binding(&port, bind, present) {
                Ok(bound) => port = bound,
                Err(message) => self.wrong(&format!("{path}.bind"), message),
            }
        }
        self.add(path, port);
    }

    /// The port, bound as a client would bind it.
    fn binding(&self, port: &Port, bind: &BindEntry, present: Present) -> Result<Port, String> {
        let topology = self.topology();
        let named = topology.of_kind(Kind::Host).filter_map(|host| match host {
            Object::Host(host) if host.name == bind.host => Some(host.id),
            Object::Host(host) if host.id.to_string() == bind.host => Some(host.id),
            _ => None,
        });
        let hosts: Vec<HostId> = named.collect();
        let host = match hosts.as_slice() {
            [host] => *host,
            [] => {
                return Err(format!(
                    "there is no host '{}': it makes itself when weft-agent starts there",
                    bind.host
                ));
            }
            _ => {
                return Err(format!(
                    "several hosts are called '{}': name its id",
                    bind.host
                ));
            }
        };
        let interface = bind.interface.clone();
        let wanted = Binding { host, interface };
        if topology.port(port.id).is_none() {
            if let Some(other) = topology.port_by_binding(&wanted) {
                return Err(format!(
                    "interface {} of host {} carries port {other} already",
                    wanted.interface, bind.host
                ));
            }
            let binding = Some(wanted);
            return Ok(Port {
                binding,
                ..port.clone()
            });
        }
        let there = |interface: &str| present(host, interface);
        let changes = binding::bound(self.model, port.id, &wanted, there);
        match changes.map_err(|error| error.to_string())?.pop() {
            Some(Change::Put(Object::Port(bound))) => Ok(Port {
                binding: bound.binding.clone(),
                previous_host: bound.previous_host,
                ..port.clone()
            }),
            _ => Ok(port.clone()),
        }
    }

    /// A port of the file, or of the topology, that an entry of a bridge names.
    pub(super) fn port_named(&self, bridge: &str, name: &str) -> Option<PortId> {
        let of_file = self.ports.get(&(bridge, name)).copied();
        of_file.or_else(|| {
            let id: PortId = name.parse().ok()?;
            (self.own.contains(&id) || self.topology().port(id).is_some()).then_some(id)
        })
    }

    /// A port of the file at the other end of a link.
    pub(super) fn peer_named(&self, name: &str) -> Option<PortId> {
        let by_key = name
            .rsplit_once('/')
            .and_then(|(bridge, port)| self.ports.get(&(bridge, port)).copied());
        by_key.or_else(|| {
            let id: PortId = name.parse().ok()?;
            self.own.contains(&id).then_some(id)
        })
    }

    /// Links are of both ends. A link to a port that the file does not name is not the file's.
    pub(super) fn links(&mut self, file: &'f TopologyFile) {
        let mut links: BTreeMap<PortId, PortId> = BTreeMap::new();
        for (bridge, entry) in &file.bridge {
            for (key, port) in &entry.port {
                let Some(name) = &port.peer else { continue };
                let path = format!("{}.peer", port_path(bridge, key));
                let Some(id) = self.ports.get(&(bridge, key)).copied() else {
                    continue;
                };
                let Some(peer) = self.peer_named(name) else {
                    let message = format!(
                        "this file has no port '{name}': want BRIDGE/PORT, as the file calls them"
                    );
                    self.wrong(&path, message);
                    continue;
                };
                for (one, other) in [(id, peer), (peer, id)] {
                    if *links.entry(one).or_insert(other) != other || one == other {
                        let message = "a port has one peer, another port";
                        self.wrong(&path, message);
                    }
                }
            }
        }
        for id in self.own.clone() {
            let Some(Object::Port(port)) = self.wanted.objects.get(&id.into()) else {
                continue;
            };
            let mut port = Port::clone(port);
            match (links.get(&id), port.peer) {
                (Some(peer), old) => {
                    let is_foreign = |old: &PortId| old != peer && !self.own.contains(old);
                    if let Some(old) = old.filter(is_foreign) {
                        self.unlink(old);
                    }
                    port.peer = Some(*peer);
                }
                (None, Some(old)) if self.own.contains(&old) => port.peer = None,
                (None, _) => {}
            }
            self.wanted.objects.insert(id.into(), port.into());
        }
    }

    fn unlink(&mut self, port: PortId) {
        if let Some(old) = self.topology().port(port) {
            let mut free = Port::clone(old);
            free.peer = None;
            self.wanted.others.push(Change::Put(free.into()));
        }
    }
}

fn security(pairs: &[PairEntry]) -> PortSecurity {
    let pairs = pairs.iter().map(|pair| AddressPair {
        mac: pair.mac,
        prefix: pair.prefix.0.0,
    });
    PortSecurity {
        pairs: pairs.collect(),
    }
}
