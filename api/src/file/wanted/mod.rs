//! The objects that a file asks for. What a file cannot say of an object stays as it is.

mod filter;
mod port;
mod rule;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;
use weft_dhcp::options;
use weft_topology::bridge::{ArpEntry, Bridge, MacEntry};
use weft_topology::dhcp::{DhcpHost, DhcpOption, DhcpSubnet, StaticRoute};
use weft_topology::id::{BridgeId, HostId, PortId};
use weft_topology::{Change, Kind, Object, ObjectId, Topology};
use weft_wire::topology_file::{BridgeEntry, OptionEntry, SubnetEntry, TopologyFile};

use super::names::{id_of, name_of, path_of, port_id};
use crate::error::{ApiError, InvalidProperty};
use crate::model::Model;

/// Whether a host has an interface now.
pub(crate) type Present<'a> = &'a dyn Fn(HostId, &str) -> bool;

/// What a file asks for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Its objects.
    pub(super) objects: BTreeMap<ObjectId, Object>,
    /// What it calls them.
    pub(super) paths: BTreeMap<ObjectId, String>,
    /// What becomes of others, which it does not name: ports at the other end of links that it ends,
    /// rules of its chains that it does not list.
    pub(super) others: Vec<Change>,
}

/// Reads a file against a model.
pub(super) fn wanted(
    model: &Model,
    file: &TopologyFile,
    present: Present,
) -> Result<Wanted, ApiError> {
    let mut reader = Reader {
        model,
        tables: tables_of(file),
        own: ports_of(file).into_values().collect(),
        ports: ports_of(file),
        wanted: Wanted::default(),
        problems: Vec::new(),
    };
    for (key, entry) in &file.bridge {
        reader.bridge(key, entry, present);
    }
    for (key, entry) in &file.chain {
        reader.chain(key, entry);
    }
    for (key, entry) in &file.port_group {
        reader.port_group(key, entry);
    }
    for (key, entry) in &file.address_group {
        reader.address_group(key, entry);
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
            let id = BridgeId(id_of(name, Kind::Bridge, bridge, entry.id));
            let ports = entry.port.iter();
            ports.map(move |(key, port)| ((bridge.as_str(), key.as_str()), port_id(id, key, port)))
        })
        .collect()
}

/// The ids behind the keys of a file's tables.
type Tables<'f> = BTreeMap<(Kind, &'f str), Uuid>;

fn tables_of(file: &TopologyFile) -> Tables<'_> {
    let bridges = file
        .bridge
        .iter()
        .map(|(key, it)| (Kind::Bridge, key, it.id));
    let chains = file.chain.iter().map(|(key, it)| (Kind::Chain, key, it.id));
    let groups = file.port_group.iter();
    let groups = groups.map(|(key, it)| (Kind::PortGroup, key, it.id));
    let addresses = file.address_group.iter();
    let addresses = addresses.map(|(key, it)| (Kind::AddressGroup, key, it.id));
    let all = bridges.chain(chains).chain(groups).chain(addresses);
    all.map(|(kind, key, given)| {
        let id = id_of(file.name.as_deref(), kind, key, given);
        ((kind, key.as_str()), id)
    })
    .collect()
}

struct Reader<'f> {
    model: &'f Model,
    tables: Tables<'f>,
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

    /// The id and the path of one of the file's tables.
    fn table(&mut self, kind: Kind, key: &str) -> (Uuid, String) {
        let path = path_of(kind, key);
        if key.is_empty() || key.contains(char::is_control) {
            let kind = kind.name().replace('_', " ");
            let message = format!("a {kind}'s name is not empty and has no control characters");
            self.wrong(&path, message);
        }
        let id = self.tables.get(&(kind, key)).copied();
        (id.unwrap_or_default(), path)
    }

    /// An object of the file by its key, or any by its id.
    fn named<I: From<Uuid>>(&mut self, kind: Kind, name: &str, path: &str) -> Option<I> {
        if let Some(id) = self.tables.get(&(kind, name)) {
            return Some(I::from(*id));
        }
        let by_id = name.parse().ok().filter(|id| {
            let is_there = self.topology().object(ObjectId { kind, id: *id }).is_some();
            let mut own = self.tables.iter();
            is_there || own.any(|((of, _), own)| *of == kind && own == id)
        });
        if by_id.is_none() {
            let kind = kind.name().replace('_', " ");
            let message =
                format!("this file has no {kind} '{name}', and there is none with this id");
            self.wrong(path, message);
        }
        by_id.map(I::from)
    }

    /// The same of what need not be named.
    fn maybe_named<I: From<Uuid>>(
        &mut self,
        kind: Kind,
        name: Option<&String>,
        path: &str,
    ) -> Option<I> {
        self.named(kind, name?, path)
    }

    fn bridge(&mut self, key: &'f str, entry: &'f BridgeEntry, present: Present) {
        let (id, path) = self.table(Kind::Bridge, key);
        let id = BridgeId(id);
        let inbound = format!("{path}.inbound");
        let outbound = format!("{path}.outbound");
        let bridge = Bridge {
            id,
            tenant_id: entry.tenant.clone(),
            name: name_of(key, entry.name.as_ref()),
            admin_state_up: entry.up,
            inbound_filter: self.maybe_named(Kind::Chain, entry.inbound.as_ref(), &inbound),
            outbound_filter: self.maybe_named(Kind::Chain, entry.outbound.as_ref(), &outbound),
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
}
