//! Which objects come together: a host that follows one object gets those that belong to it, too.

use crate::id::ObjectId;
use crate::object::Object;

impl Object {
    /// The objects an interest in which brings this one, beside an interest in itself. A host follows
    /// itself, and with it the ports bound to it; a bridge brings its tables and interior ports.
    pub fn brought_by(&self) -> Vec<ObjectId> {
        match self {
            Object::Port(port) => {
                let host = port.binding.iter().map(|binding| binding.host.into());
                let router = port.router().map(ObjectId::from);
                let bridge = port.bridge().filter(|_| port.peer.is_some());
                host.chain(router)
                    .chain(bridge.map(ObjectId::from))
                    .collect()
            }
            Object::Route(route) => vec![route.router.into()],
            Object::Rule(rule) => vec![rule.chain.into()],
            Object::AddressGroupMember(member) => vec![member.group.into()],
            Object::DhcpSubnet(subnet) => vec![subnet.bridge.into()],
            Object::DhcpHost(host) => vec![host.bridge.into()],
            Object::Dhcp6Subnet(subnet) => vec![subnet.bridge.into()],
            Object::Dhcp6Host(host) => vec![host.bridge.into()],
            Object::MacEntry(entry) => vec![entry.bridge.into()],
            Object::ArpEntry(entry) => vec![entry.bridge.into()],
            Object::TunnelZoneHost(member) => vec![member.zone.into(), member.host.into()],
            Object::Bridge(_)
            | Object::Router(_)
            | Object::Chain(_)
            | Object::PortGroup(_)
            | Object::AddressGroup(_)
            | Object::Host(_)
            | Object::TunnelZone(_) => Vec::new(),
        }
    }
}
