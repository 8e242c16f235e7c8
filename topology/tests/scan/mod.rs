//! The answer under each tag, twice: as the snapshot gives it, and as a scan of all objects finds it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ipnet::IpNet;
use weft_topology::chain::{Chain, Condition, Rule, RuleAction};
use weft_topology::dhcp::{DhcpHost, DhcpSubnet};
use weft_topology::id::{BridgeId, ChainId, PortId};
use weft_topology::policy::Established;
use weft_topology::port::Port;
use weft_topology::snapshot::Step;
use weft_topology::{Kind, Known, LocalPort, Object, ObjectId, Snapshot, Tag};

use crate::universe::{Model, addrs, router};

/// All that is to be known under a tag, as text.
pub(crate) fn asked(snapshot: &Snapshot, tag: Tag) -> String {
    match tag {
        Tag::Established => format!("{:?}", snapshot.established()),
        Tag::Object(id) => {
            let derived = match id.kind {
                Kind::DhcpSubnet => format!("{:?}", snapshot.dhcp_server(id.id.into())),
                Kind::Router => {
                    let routes = |addr: Ipv4Addr| {
                        let routes = snapshot.routes_to(router(), addr.into());
                        routes
                            .map(|route| (route.id, route.weight))
                            .collect::<Vec<_>>()
                    };
                    format!("{:?}", addrs().into_iter().map(routes).collect::<Vec<_>>())
                }
                // New lengths give the tag, and lost ones need not: who read more bits reads enough.
                Kind::AddressGroup => String::new(),
                Kind::Chain => {
                    let program = snapshot.program(id.id.into());
                    let steps = program.map(|program| {
                        let step = |step: &Step| match step {
                            Step::Rule(_, rule) => Some(rule.clone()),
                            Step::Missing(_) => None,
                        };
                        let steps: Vec<_> = program.rules.iter().map(step).collect();
                        (steps, program.needs.state, program.needs.transport)
                    });
                    format!("{steps:?}")
                }
                _ => String::new(),
            };
            format!("{:?} {derived}", snapshot.object(id))
        }
        Tag::Flood(bridge) => {
            let state = |local: &LocalPort| {
                let port = snapshot.port(local.port).here();
                (local.clone(), port.map(|port| port.admin_state_up))
            };
            let ports = snapshot.local_ports_of(bridge).map(state);
            format!("{:?}", ports.collect::<Vec<_>>())
        }
        Tag::Mac(bridge, vlan, mac) => format!("{:?}", snapshot.mac_entry(bridge, vlan, mac)),
        Tag::Neighbour(bridge, ip) => {
            let IpAddr::V4(v4) = ip else { unreachable!() };
            let host = snapshot.dhcp_host_by_addr(bridge, v4).map(|host| host.mac);
            let server = snapshot
                .dhcp_server_by_addr(bridge, v4)
                .map(|s| (s.id, s.enabled));
            format!("{:?} {host:?} {server:?}", snapshot.arp_entry(bridge, ip))
        }
        Tag::Dhcp(bridge, mac) => format!("{:?}", snapshot.dhcp_host(bridge, mac)),
        Tag::Member(group, prefix) => format!("{:?}", snapshot.group_has(group, prefix)),
        Tag::Local(port) => {
            let local = snapshot.local_by_port(port);
            let by_number = local.and_then(|local| snapshot.local_by_number(local.number));
            assert_eq!(local, by_number);
            format!("{local:?}")
        }
    }
}

/// The same, from the objects themselves.
pub(crate) fn scanned(model: &Model, local: &[LocalPort], tag: Tag) -> String {
    let scan = Scan { model };
    match tag {
        // No object says it.
        Tag::Established => format!("{:?}", Established::default()),
        Tag::Object(id) => {
            let derived = match id.kind {
                Kind::DhcpSubnet => format!("{:?}", scan.server_of(id)),
                Kind::Router => {
                    let routes = addrs().into_iter().map(|addr| scan.routes_to(addr));
                    format!("{:?}", routes.collect::<Vec<_>>())
                }
                Kind::AddressGroup => String::new(),
                Kind::Chain => format!("{:?}", scan.program(id.id.into())),
                _ => String::new(),
            };
            let known = match model.get(&id) {
                Some(Some(object)) => Known::Here(object),
                Some(None) => Known::Absent,
                None => Known::NotLoaded,
            };
            format!("{known:?} {derived}")
        }
        Tag::Flood(bridge) => {
            let here = |local: &LocalPort| {
                let port = scan.port(local.port)?;
                (port.bridge() == Some(bridge)).then(|| (local.clone(), Some(port.admin_state_up)))
            };
            let mut ports: Vec<_> = local.iter().filter_map(here).collect();
            ports.sort_by_key(|(local, _)| local.port);
            format!("{ports:?}")
        }
        Tag::Mac(bridge, vlan, mac) => {
            let mut entries: Vec<_> = scan
                .objects()
                .filter_map(|object| match object {
                    Object::MacEntry(e) if (e.bridge, e.vlan, e.mac) == (bridge, vlan, mac) => {
                        Some((e.id, e.port))
                    }
                    _ => None,
                })
                .collect();
            entries.sort();
            format!("{:?}", entries.first().map(|(_, port)| *port))
        }
        Tag::Neighbour(bridge, ip) => {
            let arp = scan.objects().find_map(|object| match object {
                Object::ArpEntry(e) if e.bridge == bridge && e.ip == ip => Some(e.mac),
                _ => None,
            });
            let hosts = scan
                .hosts()
                .filter(|host| host.bridge == bridge && host.addr == ip);
            let host = hosts.min_by_key(|host| host.id).map(|host| host.mac);
            let servers = scan.subnets().filter(|subnet| {
                subnet.bridge == bridge && scan.server(subnet).map(IpAddr::V4) == Some(ip)
            });
            let server = servers.min_by_key(|subnet| (!subnet.enabled, subnet.prefix));
            format!("{arp:?} {host:?} {:?}", server.map(|s| (s.id, s.enabled)))
        }
        Tag::Dhcp(bridge, mac) => {
            let pairs = scan
                .hosts()
                .filter(|host| host.bridge == bridge && host.mac == mac);
            let pairs = pairs.filter_map(|host| {
                let subnet = scan.subnets().find(|subnet| subnet.id == host.subnet)?;
                Some((subnet, host))
            });
            format!("{:?}", pairs.min_by_key(|(subnet, _)| subnet.prefix))
        }
        Tag::Member(_, prefix) => format!("{:?}", scan.is_member(prefix)),
        Tag::Local(port) => format!("{:?}", local.iter().find(|local| local.port == port)),
    }
}

struct Scan<'a> {
    model: &'a Model,
}

impl<'a> Scan<'a> {
    fn objects(&self) -> impl Iterator<Item = &'a Object> + use<'a> {
        self.model.values().filter_map(Option::as_ref)
    }

    fn port(&self, id: PortId) -> Option<&'a Port> {
        self.objects().find_map(|object| match object {
            Object::Port(port) if port.id == id => Some(port.as_ref()),
            _ => None,
        })
    }

    fn hosts(&self) -> impl Iterator<Item = &'a DhcpHost> + use<'a> {
        self.objects().filter_map(|object| match object {
            Object::DhcpHost(host) => Some(host.as_ref()),
            _ => None,
        })
    }

    fn subnets(&self) -> impl Iterator<Item = &'a DhcpSubnet> + use<'a> {
        self.objects().filter_map(|object| match object {
            Object::DhcpSubnet(subnet) => Some(subnet.as_ref()),
            _ => None,
        })
    }

    fn server_of(&self, id: ObjectId) -> Option<Ipv4Addr> {
        let subnet = self
            .subnets()
            .find(|subnet| ObjectId::from(subnet.id) == id)?;
        self.server(subnet)
    }

    fn server(&self, subnet: &DhcpSubnet) -> Option<Ipv4Addr> {
        let free = || {
            subnet
                .prefix
                .hosts()
                .find(|addr| !self.is_taken(subnet.bridge, *addr))
        };
        subnet.server_addr.or(subnet.default_gateway).or_else(free)
    }

    fn is_taken(&self, bridge: BridgeId, addr: Ipv4Addr) -> bool {
        self.objects().any(|object| match object {
            Object::DhcpHost(host) => host.bridge == bridge && host.addr == addr,
            Object::ArpEntry(entry) => entry.bridge == bridge && entry.ip == addr,
            _ => false,
        })
    }

    fn routes_to(&self, addr: Ipv4Addr) -> Vec<(weft_topology::id::RouteId, u32)> {
        let mut routes: Vec<_> = self
            .objects()
            .filter_map(|object| match object {
                Object::Route(route) if route.destination.contains(&IpAddr::V4(addr)) => {
                    let length = route.destination.prefix_len();
                    Some((std::cmp::Reverse(length), route.weight, route.id))
                }
                _ => None,
            })
            .collect();
        routes.sort();
        routes
            .into_iter()
            .map(|(_, weight, id)| (id, weight))
            .collect()
    }

    fn is_member(&self, prefix: IpNet) -> bool {
        self.objects().any(|object| match object {
            Object::AddressGroupMember(member) => member.prefix == prefix,
            _ => false,
        })
    }

    fn chain(&self, id: ChainId) -> Option<&'a Chain> {
        self.objects().find_map(|object| match object {
            Object::Chain(chain) if chain.id == id => Some(chain.as_ref()),
            _ => None,
        })
    }

    /// The rules of a chain in their order, those not loaded as `None`.
    fn rules(&self, chain: &Chain) -> Vec<Option<Arc<Rule>>> {
        let rule = |id: &weft_topology::id::RuleId| match self.model.get(&(*id).into()) {
            Some(Some(Object::Rule(rule))) => (rule.chain == chain.id).then(|| Some(rule.clone())),
            Some(_) => None,
            None => Some(None),
        };
        chain.rules.iter().filter_map(rule).collect()
    }

    /// A chain's rules, and whether one that can be reached from it asks for the connection or the ports.
    #[allow(clippy::type_complexity)]
    fn program(&self, id: ChainId) -> Known<(Vec<Option<Arc<Rule>>>, bool, bool)> {
        let Some(chain) = self.chain(id) else {
            return match self.model.contains_key(&id.into()) {
                true => Known::Absent,
                false => Known::NotLoaded,
            };
        };
        let mut reached = vec![id];
        let mut asked: Vec<Condition> = Vec::new();
        let mut at = 0;
        while let Some(&next) = reached.get(at) {
            at += 1;
            let rules = self.chain(next).map(|chain| self.rules(chain));
            for rule in rules.into_iter().flatten().flatten() {
                asked.push(rule.condition.clone());
                if let RuleAction::Jump { chain } = rule.action
                    && !reached.contains(&chain)
                {
                    reached.push(chain);
                }
            }
        }
        Known::Here((
            self.rules(chain),
            asked.iter().any(|of| of.match_return_flow),
            asked.iter().any(|of| of.destination_port.is_some()),
        ))
    }
}
