//! The objects that a file asks for. What a file cannot say of an object stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use weft_dhcp::options;
use weft_topology::bridge::{ArpEntry, Bridge, MacEntry};
use weft_topology::dhcp::{DhcpHost, DhcpOption, DhcpSubnet, StaticRoute};
use weft_topology::id::{BridgeId, HostId, PortId};
use weft_topology::port::{Binding, Port, PortDevice};
use weft_topology::{Change, Kind, Object, ObjectId, Topology};
use weft_wire::topology_file::{
    BindEntry, BridgeEntry, OptionEntry, PortEntry, SubnetEntry, TopologyFile,
};

use super::names::{bridge_id, bridge_path, port_id, port_path};
use crate::error::{ApiError, InvalidProperty};
use crate::model::Model;
use crate::model::tunnel_key::UNNUMBERED;
use crate::service::binding;

/// Whether a host has an interface now.
pub(crate) type Present<'a> = &'a dyn Fn(HostId, &str) -> bool;

/// What a file asks for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Its objects.
    pub(super) objects: BTreeMap<ObjectId, Object>,
    /// What it calls them.
    pub(super) paths: BTreeMap<ObjectId, String>,
    /// Ports at the other end of links that the file ends, which it does not name.
    pub(super) unlinked: Vec<Change>,
}

/// Reads a file against a model.
pub(super) fn wanted(
    model: &Model,
    file: &TopologyFile,
    present: Present,
) -> Result<Wanted, ApiError> {
    let mut reader = Reader {
        model,
        own: ports_of(file).into_values().collect(),
        ports: ports_of(file),
        wanted: Wanted::default(),
        problems: Vec::new(),
    };
    for (key, entry) in &file.bridge {
        let id = bridge_id(file.name.as_deref(), key, entry);
        reader.bridge(key, id, entry, present);
    }
    reader.links(file);
    if reader.problems.is_empty() {
        Ok(reader.wanted)
    } else {
        Err(ApiError::Invalid(reader.problems))
    }
}

/// The ports of a file by bridge's key and own key.
type Ports<'f> = BTreeMap<(&'f str, &'f str), PortId>;

fn ports_of(file: &TopologyFile) -> Ports<'_> {
    let name = file.name.as_deref();
    let bridges = file.bridge.iter();
    bridges
        .flat_map(|(bridge, entry)| {
            let id = bridge_id(name, bridge, entry);
            let ports = entry.port.iter();
            ports.map(move |(key, port)| ((bridge.as_str(), key.as_str()), port_id(id, key, port)))
        })
        .collect()
}

struct Reader<'f> {
    model: &'f Model,
    ports: Ports<'f>,
    /// The same, by id.
    own: BTreeSet<PortId>,
    wanted: Wanted,
    problems: Vec<InvalidProperty>,
}

impl<'f> Reader<'f> {
    fn topology(&self) -> &'f Topology {
        &self.model.topology
    }

    fn wrong(&mut self, path: &str, message: impl ToString) {
        self.problems.push(InvalidProperty {
            object: None,
            property: path.to_owned(),
            message: message.to_string(),
        });
    }

    fn add(&mut self, path: String, object: impl Into<Object>) {
        let object = object.into();
        let id = object.id();
        if let Some(other) = self.wanted.paths.get(&id) {
            let message = format!("is the same object as {other}");
            return self.wrong(&path, message);
        }
        self.wanted.paths.insert(id, path);
        self.wanted.objects.insert(id, object);
    }

    fn bridge(&mut self, key: &'f str, id: BridgeId, entry: &'f BridgeEntry, present: Present) {
        let path = bridge_path(key);
        if key.is_empty() || key.contains(char::is_control) {
            let message = "a bridge's name is not empty and has no control characters";
            self.wrong(&path, message);
        }
        let old = self.topology().bridge(id);
        let is_id = key.parse::<uuid::Uuid>().is_ok();
        let name = entry
            .name
            .clone()
            .unwrap_or_else(|| if is_id { String::new() } else { key.to_owned() });
        let bridge = Bridge {
            id,
            tenant_id: entry.tenant.clone(),
            name,
            admin_state_up: entry.up,
            inbound_filter: old.and_then(|old| old.inbound_filter),
            outbound_filter: old.and_then(|old| old.outbound_filter),
            mtu: entry.mtu,
            vlan_aware: entry.vlan_aware,
        };
        self.add(path.clone(), bridge);
        for (ip, mac) in &entry.arp {
            let path = format!("{path}.arp.\"{ip}\"");
            self.add(path, ArpEntry::new(id, *ip, *mac));
        }
        for (prefix, subnet) in &entry.subnet {
            self.subnet(format!("{path}.subnet.\"{prefix}\""), id, *prefix, subnet);
        }
        for (port, port_entry) in &entry.port {
            self.port((key, port), id, port_entry, present);
        }
        for (place, of) in entry.mac.iter().enumerate() {
            let path = format!("{path}.mac[{place}]");
            match self.port_named(key, &of.port) {
                Some(port) => self.add(path, MacEntry::new(id, of.vlan, of.mac, port)),
                None => {
                    let message = format!("this bridge has no port '{}'", of.port);
                    self.wrong(&format!("{path}.port"), message);
                }
            }
        }
    }

    fn subnet(
        &mut self,
        path: String,
        bridge: BridgeId,
        prefix: ipnet::Ipv4Net,
        entry: &SubnetEntry,
    ) {
        let id = DhcpSubnet::id_of(bridge, prefix);
        let routes = entry.routes.iter().map(|route| StaticRoute {
            destination: route.to,
            gateway: route.via,
        });
        let subnet = DhcpSubnet {
            id,
            bridge,
            prefix,
            enabled: entry.enabled,
            server_addr: entry.server,
            default_gateway: entry.gateway,
            static_routes: routes.collect(),
            dns_servers: entry.dns.clone(),
            interface_mtu: entry.mtu,
            lease_seconds: entry.lease_seconds,
            options: self.options(&path, &entry.options),
        };
        self.add(path.clone(), subnet);
        for (mac, host) in &entry.host {
            let path = format!("{path}.host.\"{mac}\"");
            let options = self.options(&path, &host.options);
            let host = DhcpHost {
                id: DhcpHost::id_of(id, *mac),
                subnet: id,
                bridge,
                mac: *mac,
                addr: host.address,
                name: host.name.clone(),
                options,
            };
            self.add(path, host);
        }
    }

    fn options(&mut self, path: &str, entries: &[OptionEntry]) -> Vec<DhcpOption> {
        for (place, entry) in entries.iter().enumerate() {
            if let Err(error) = options::parse(&entry.name, &entry.value) {
                self.wrong(&format!("{path}.options[{place}]"), error);
            }
        }
        let options = entries.iter().map(|entry| DhcpOption {
            code: entry.name.clone(),
            value: entry.value.clone(),
        });
        options.collect()
    }

    fn port(
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
        let mut port = Port {
            tenant_id: entry.tenant.clone(),
            admin_state_up: entry.up,
            vif_id: entry.vif,
            vlan: entry.vlan,
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
    fn port_named(&self, bridge: &str, name: &str) -> Option<PortId> {
        let of_file = self.ports.get(&(bridge, name)).copied();
        of_file.or_else(|| {
            let id: PortId = name.parse().ok()?;
            (self.own.contains(&id) || self.topology().port(id).is_some()).then_some(id)
        })
    }

    /// A port of the file at the other end of a link.
    fn peer_named(&self, name: &str) -> Option<PortId> {
        let by_key = name
            .rsplit_once('/')
            .and_then(|(bridge, port)| self.ports.get(&(bridge, port)).copied());
        by_key.or_else(|| {
            let id: PortId = name.parse().ok()?;
            self.own.contains(&id).then_some(id)
        })
    }

    /// Links are of both ends. A link to a port that the file does not name is not the file's.
    fn links(&mut self, file: &'f TopologyFile) {
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
            self.wanted.unlinked.push(Change::Put(free.into()));
        }
    }
}
