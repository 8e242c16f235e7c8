//! What there is, as a file.

mod filter;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;
use weft_topology::dhcp::DhcpOption;
use weft_topology::id::{
    AddressGroupId, BridgeId, ChainId, DhcpSubnetId, HostId, PortGroupId, PortId,
};
use weft_topology::{Kind, Object, ObjectId, Topology};
use weft_wire::apply::Export;
use weft_wire::topology_file::{
    BindEntry, BridgeEntry, HostEntry, MacPlace, OptionEntry, PortEntry, RouteEntry, SubnetEntry,
    TopologyFile,
};

use super::names::{TABLES, id_of, key_of, name_of, path_of, port_id, port_path, unquoted};
use crate::error::ApiError;
use crate::model::{Members, Model};

/// Kinds that a file has words for.
const KINDS: [Kind; 11] = [
    Kind::Bridge,
    Kind::Chain,
    Kind::Rule,
    Kind::PortGroup,
    Kind::AddressGroup,
    Kind::AddressGroupMember,
    Kind::Port,
    Kind::DhcpSubnet,
    Kind::DhcpHost,
    Kind::MacEntry,
    Kind::ArpEntry,
];

/// All that there is, or all that one file manages.
pub(crate) fn export(
    model: &Model,
    name: Option<&str>,
    bindings: bool,
) -> Result<Export, ApiError> {
    let members = match name {
        None => None,
        Some(name) => Some(model.file(name).ok_or_else(|| {
            ApiError::NotFound(format!(
                "no file '{name}' was applied, or nothing is left of it; weft show files lists them"
            ))
        })?),
    };
    let writer = Writer {
        topology: &model.topology,
        members,
        name,
        bindings,
        names: names(&model.topology),
        keys: BTreeMap::new(),
    };
    Ok(Export {
        revision: model.revision,
        file: writer.write(),
        left_out: left_out(&model.topology),
    })
}

/// Hosts make themselves: they are not missed.
fn left_out(topology: &Topology) -> Vec<(Kind, usize)> {
    let others = Kind::ALL.iter().copied();
    let others = others.filter(|kind| !KINDS.contains(kind) && *kind != Kind::Host);
    others
        .map(|kind| (kind, topology.of_kind(kind).count()))
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// The names of hosts and of the objects of a file's tables, and how many have each.
fn names(topology: &Topology) -> HashMap<(Kind, String), usize> {
    let mut names = HashMap::new();
    let kinds = TABLES.into_iter().chain([Kind::Host]);
    for object in kinds.flat_map(|kind| topology.of_kind(kind)) {
        let name = topology.name_of(object.id());
        *names.entry((object.kind(), name)).or_default() += 1;
    }
    names
}

struct Writer<'a> {
    topology: &'a Topology,
    /// What the file that is written calls its objects; `None`: everything is written.
    members: Option<&'a Members>,
    name: Option<&'a str>,
    bindings: bool,
    names: HashMap<(Kind, String), usize>,
    /// The keys of ports and of the objects of the file's tables.
    keys: BTreeMap<ObjectId, String>,
}

impl Writer<'_> {
    fn write(mut self) -> TopologyFile {
        for kind in TABLES {
            for id in self.of_kind::<Uuid>(kind) {
                let id = ObjectId { kind, id };
                let key = self.table_key(id);
                self.keys.insert(id, key);
            }
        }
        for id in self.of_kind::<PortId>(Kind::Port) {
            let key = self.port_key(id);
            self.keys.insert(id.into(), key);
        }
        TopologyFile {
            name: self.name.map(str::to_owned),
            bridge: self.table(Kind::Bridge, |id, key| self.bridge(BridgeId(id), key)),
            chain: self.table(Kind::Chain, |id, key| self.chain(ChainId(id), key)),
            port_group: self.table(Kind::PortGroup, |id, key| {
                self.port_group(PortGroupId(id), key)
            }),
            address_group: self.table(Kind::AddressGroup, |id, key| {
                self.address_group(AddressGroupId(id), key)
            }),
        }
    }

    /// The entries of a table by their keys.
    fn table<E>(&self, kind: Kind, entry: impl Fn(Uuid, &str) -> Option<E>) -> BTreeMap<String, E> {
        let ids = self.of_kind::<Uuid>(kind).into_iter();
        ids.filter_map(|id| {
            let key = self.key(ObjectId { kind, id });
            let entry = entry(id, &key)?;
            Some((key, entry))
        })
        .collect()
    }

    /// The objects of a kind that are written.
    fn of_kind<T: From<Uuid>>(&self, kind: Kind) -> Vec<T> {
        let objects = self.topology.of_kind(kind).map(Object::id);
        let own = objects.filter(|id| self.is_own(*id));
        own.map(|id| T::from(id.id)).collect()
    }

    fn is_own(&self, id: ObjectId) -> bool {
        self.members.is_none_or(|members| members.contains_key(&id))
    }

    fn keys_of<I: Copy + Into<ObjectId>>(&self, ids: &BTreeSet<I>) -> Vec<String> {
        ids.iter().map(|id| self.key((*id).into())).collect()
    }

    fn key(&self, id: ObjectId) -> String {
        self.keys.get(&id).cloned().unwrap_or(id.id.to_string())
    }

    /// What the file that made it calls an object.
    fn remembered(&self, id: ObjectId) -> Option<&str> {
        self.members?.get(&id).map(String::as_str)
    }

    /// The key that a file remembers, else the name if it is nobody else's, else the id.
    fn table_key(&self, id: ObjectId) -> String {
        if let Some(path) = self.remembered(id)
            && let Some(key) = key_of(id.kind, path)
            && path_of(id.kind, &key) == path
        {
            return key;
        }
        let name = self.topology.name_of(id);
        if name.parse::<Uuid>().is_ok() || self.is_shared(id.kind, &name) {
            return id.id.to_string();
        }
        name
    }

    /// What an entry says of an id and a name that its key does not give.
    fn identity(&self, id: ObjectId, key: &str, name: &str) -> (Option<Uuid>, Option<String>) {
        let own_id = id_of(self.name, id.kind, key, None) != id.id;
        let own_name = name_of(key, None) != name;
        (own_id.then_some(id.id), own_name.then(|| name.to_owned()))
    }

    fn is_shared(&self, kind: Kind, name: &str) -> bool {
        self.names
            .get(&(kind, name.to_owned()))
            .is_some_and(|count| *count > 1)
    }

    fn port_key(&self, id: PortId) -> String {
        if let Some(path) = self.remembered(id.into())
            && let Some(bridge) = self.topology.port(id).and_then(|port| port.bridge())
            && let Some((_, key)) = path.rsplit_once(".port.")
        {
            let key = unquoted(key);
            if port_path(&self.key(bridge.into()), &key) == path {
                return key;
            }
        }
        id.to_string()
    }

    fn bridge(&self, id: BridgeId, key: &str) -> Option<BridgeEntry> {
        let bridge = self.topology.bridge(id)?;
        let (own_id, name) = self.identity(id.into(), key, &bridge.name);
        let mut entry = BridgeEntry {
            id: own_id,
            name,
            tenant: bridge.tenant_id.clone(),
            up: bridge.admin_state_up,
            mtu: bridge.mtu,
            vlan_aware: bridge.vlan_aware,
            inbound: bridge.inbound_filter.map(|chain| self.key(chain.into())),
            outbound: bridge.outbound_filter.map(|chain| self.key(chain.into())),
            ..BridgeEntry::default()
        };
        let mut macs = Vec::new();
        for object in self.topology.referrers(id.into()) {
            if !self.is_own(object.id()) {
                continue;
            }
            match object {
                Object::ArpEntry(arp) => drop(entry.arp.insert(arp.ip, arp.mac)),
                Object::MacEntry(mac) => macs.push((mac.vlan, mac.mac, mac.port)),
                Object::DhcpSubnet(subnet) => {
                    entry.subnet.insert(subnet.prefix, self.subnet(subnet.id));
                }
                Object::Port(port) if port.bridge() == Some(id) => {
                    let key = self.key(port.id.into());
                    let port = self.port(port.id, &key);
                    entry.port.extend(port.map(|port| (key, port)));
                }
                _ => {}
            }
        }
        macs.sort_unstable();
        entry.mac = macs
            .into_iter()
            .map(|(vlan, mac, port)| MacPlace {
                mac,
                port: self.key(port.into()),
                vlan,
            })
            .collect();
        Some(entry)
    }

    fn subnet(&self, id: DhcpSubnetId) -> SubnetEntry {
        let mut entry = SubnetEntry {
            enabled: true,
            gateway: None,
            server: None,
            dns: Vec::new(),
            mtu: None,
            lease_seconds: None,
            routes: Vec::new(),
            options: Vec::new(),
            host: BTreeMap::new(),
        };
        if let Some(subnet) = self.topology.dhcp_subnet(id) {
            let routes = subnet.static_routes.iter().map(|route| RouteEntry {
                to: route.destination,
                via: route.gateway,
            });
            entry.enabled = subnet.enabled;
            entry.gateway = subnet.default_gateway;
            entry.server = subnet.server_addr;
            entry.dns.clone_from(&subnet.dns_servers);
            entry.mtu = subnet.interface_mtu;
            entry.lease_seconds = subnet.lease_seconds;
            entry.routes = routes.collect();
            entry.options = options(&subnet.options);
        }
        for object in self.topology.referrers_of_kind(id.into(), Kind::DhcpHost) {
            let Object::DhcpHost(host) = object else {
                continue;
            };
            if self.is_own(host.id.into()) {
                let of = HostEntry {
                    address: host.addr,
                    name: host.name.clone(),
                    options: options(&host.options),
                };
                entry.host.insert(host.mac, of);
            }
        }
        entry
    }

    fn port(&self, id: PortId, key: &str) -> Option<PortEntry> {
        let port = self.topology.port(id)?;
        let bridge = port.bridge()?;
        let peer = port.peer.filter(|peer| self.is_own((*peer).into()));
        // One end says it, the first in the file.
        let peer = peer.and_then(|peer| Some((self.place(id)?, self.place(peer)?)));
        let peer = peer.filter(|(own, peer)| own < peer).map(|(_, peer)| peer);
        let binding = port.binding.as_ref().filter(|_| self.bindings);
        let mut entry = PortEntry {
            id: None,
            tenant: port.tenant_id.clone(),
            up: port.admin_state_up,
            vlan: port.vlan,
            vif: port.vif_id,
            peer: peer.map(|(bridge, port)| format!("{bridge}/{port}")),
            inbound: port.inbound_filter.map(|chain| self.key(chain.into())),
            outbound: port.outbound_filter.map(|chain| self.key(chain.into())),
            groups: self.keys_of(&port.port_groups),
            security: port.security.as_ref().map(filter::security),
            bind: binding.map(|binding| BindEntry {
                host: self.host(binding.host),
                interface: binding.interface.clone(),
            }),
        };
        if port_id(bridge, key, &entry) != id {
            entry.id = Some(id.0);
        }
        Some(entry)
    }

    /// The keys of a port's bridge and of the port.
    fn place(&self, id: PortId) -> Option<(String, String)> {
        let bridge = self.topology.port(id)?.bridge()?;
        Some((self.key(bridge.into()), self.key(id.into())))
    }

    /// A host's name if no other has it, else its id.
    fn host(&self, id: HostId) -> String {
        match self.topology.host(id) {
            Some(host) if !self.is_shared(Kind::Host, &host.name) => host.name.clone(),
            _ => id.to_string(),
        }
    }
}

fn options(options: &[DhcpOption]) -> Vec<OptionEntry> {
    let options = options.iter().map(|option| OptionEntry {
        name: option.code.clone(),
        value: option.value.clone(),
    });
    options.collect()
}
