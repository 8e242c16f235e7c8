//! What can be wrong with a name. Names are shown to people and written to logs, and those of DHCP
//! hosts are sent to guests.

use super::{Findings, Problem};
use crate::object::Object;

/// Greatest length of a name in characters, as in MidoNet and Neutron.
pub const MAX_NAME: usize = 255;
/// Greatest length of a DHCP option's data in bytes (RFC 2132 §2), of which option 12 is one.
const MAX_OPTION: usize = 255;

impl Findings {
    /// The name, and the owner's, of any object that has one.
    pub(super) fn names(&mut self, object: &Object) {
        let tenant = match object {
            Object::Bridge(bridge) => &bridge.tenant_id,
            Object::Router(router) => &router.tenant_id,
            Object::Port(port) => &port.tenant_id,
            Object::Chain(chain) => &chain.tenant_id,
            Object::PortGroup(group) => &group.tenant_id,
            Object::AddressGroup(group) => &group.tenant_id,
            _ => &None,
        };
        self.name("tenant_id", tenant.as_deref().unwrap_or_default());
        match object {
            Object::Bridge(bridge) => self.name("name", &bridge.name),
            Object::Router(router) => self.name("name", &router.name),
            Object::Chain(chain) => self.name("name", &chain.name),
            Object::PortGroup(group) => self.name("name", &group.name),
            Object::AddressGroup(group) => self.name("name", &group.name),
            Object::TunnelZone(zone) => self.name("name", &zone.name),
            Object::Host(host) => self.name("name", &host.name),
            Object::Rule(rule) => self.name("log", rule.log.as_deref().unwrap_or_default()),
            Object::DhcpHost(host) => self.dhcp_name(host.name.as_deref().unwrap_or_default()),
            Object::Dhcp6Host(host) => self.name("name", host.name.as_deref().unwrap_or_default()),
            Object::Port(_)
            | Object::Route(_)
            | Object::AddressGroupMember(_)
            | Object::DhcpSubnet(_)
            | Object::Dhcp6Subnet(_)
            | Object::MacEntry(_)
            | Object::ArpEntry(_)
            | Object::TunnelZoneHost(_) => {}
        }
    }

    fn name(&mut self, field: &'static str, name: &str) {
        self.length(field, name.chars().count(), "characters", MAX_NAME);
        self.printable(field, name);
    }

    fn dhcp_name(&mut self, name: &str) {
        self.length("name", name.len(), "bytes", MAX_OPTION);
        self.printable("name", name);
    }

    fn length(&mut self, field: &'static str, length: usize, unit: &'static str, most: usize) {
        let problem = Problem::TooLong { length, unit, most };
        self.require(length <= most, field, problem);
    }

    fn printable(&mut self, field: &'static str, name: &str) {
        if let Some(control) = name.chars().find(|c| c.is_control()) {
            self.add(field, Problem::ControlCharacter(control));
        }
    }
}
