//! Which objects an object names, and what becomes of it when one of them goes.
//!
//! References that are not listed are weak: a condition's ports and a port's previous host may be
//! gone, and then match nothing.

use std::sync::Arc;

use crate::chain::{Condition, RuleAction};
use crate::id::ObjectId;
use crate::object::Object;
use crate::port::{Port, PortDevice};
use crate::router::{NextHop, Route};

/// That an object names another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The field in which it does; of a field within another, `outer.inner`.
    pub field: &'static str,
    /// The other object.
    pub target: ObjectId,
    /// What becomes of the first when the other goes.
    pub when_gone: WhenGone,
}

/// What becomes of an object when one that it names is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhenGone {
    /// It goes, too.
    Follows,
    /// It keeps the other from being removed.
    Keeps,
    /// It no longer names it.
    Forgets,
}

impl Object {
    /// The objects that it names.
    pub fn references(&self) -> Vec<Reference> {
        let mut refs = References(Vec::new());
        match self {
            Object::Bridge(bridge) => {
                refs.keeps("inbound_filter", bridge.inbound_filter);
                refs.keeps("outbound_filter", bridge.outbound_filter);
            }
            Object::Router(router) => {
                refs.keeps("inbound_filter", router.inbound_filter);
                refs.keeps("outbound_filter", router.outbound_filter);
                refs.keeps("forward_filter", router.forward_filter);
                refs.keeps("local_redirect", router.local_redirect);
            }
            Object::Port(port) => refs.port(port),
            Object::Route(route) => refs.route(route),
            Object::Chain(chain) => refs.forgets("rules", chain.rules.iter().copied()),
            Object::Rule(rule) => {
                refs.follows("chain", rule.chain);
                refs.condition(&rule.condition);
                if let RuleAction::Jump { chain } = rule.action {
                    refs.keeps("action.chain", [chain]);
                }
            }
            Object::AddressGroupMember(member) => refs.follows("group", member.group),
            Object::DhcpSubnet(subnet) => refs.follows("bridge", subnet.bridge),
            Object::DhcpHost(host) => {
                refs.follows("subnet", host.subnet);
                refs.follows("bridge", host.bridge);
            }
            Object::Dhcp6Subnet(subnet) => refs.follows("bridge", subnet.bridge),
            Object::Dhcp6Host(host) => {
                refs.follows("subnet", host.subnet);
                refs.follows("bridge", host.bridge);
            }
            Object::MacEntry(entry) => {
                refs.follows("bridge", entry.bridge);
                refs.follows("port", entry.port);
            }
            Object::ArpEntry(entry) => refs.follows("bridge", entry.bridge),
            Object::TunnelZoneHost(member) => {
                refs.follows("zone", member.zone);
                refs.follows("host", member.host);
            }
            Object::PortGroup(_)
            | Object::AddressGroup(_)
            | Object::Host(_)
            | Object::TunnelZone(_) => {}
        }
        refs.0
    }

    /// The object without those names of another that it forgets when that goes.
    pub fn forgetting(&self, gone: ObjectId) -> Object {
        match self {
            Object::Port(port) => {
                let mut port = Port::clone(port);
                port.peer = port.peer.filter(|peer| ObjectId::from(*peer) != gone);
                port.port_groups
                    .retain(|group| ObjectId::from(*group) != gone);
                port.into()
            }
            Object::Chain(chain) => {
                let mut chain = Arc::clone(chain);
                Arc::make_mut(&mut chain)
                    .rules
                    .retain(|rule| ObjectId::from(*rule) != gone);
                chain.into()
            }
            other => other.clone(),
        }
    }
}

struct References(Vec<Reference>);

impl References {
    fn add(&mut self, field: &'static str, target: ObjectId, when_gone: WhenGone) {
        self.0.push(Reference {
            field,
            target,
            when_gone,
        });
    }

    fn follows(&mut self, field: &'static str, target: impl Into<ObjectId>) {
        self.add(field, target.into(), WhenGone::Follows);
    }

    fn keeps<I: Into<ObjectId>>(
        &mut self,
        field: &'static str,
        targets: impl IntoIterator<Item = I>,
    ) {
        for target in targets {
            self.add(field, target.into(), WhenGone::Keeps);
        }
    }

    fn forgets<I: Into<ObjectId>>(
        &mut self,
        field: &'static str,
        targets: impl IntoIterator<Item = I>,
    ) {
        for target in targets {
            self.add(field, target.into(), WhenGone::Forgets);
        }
    }

    fn port(&mut self, port: &Port) {
        match port.device {
            PortDevice::Bridge { bridge } => self.follows("device", bridge),
            PortDevice::Router { router, .. } => self.follows("device", router),
        }
        self.keeps("inbound_filter", port.inbound_filter);
        self.keeps("outbound_filter", port.outbound_filter);
        self.forgets("port_groups", port.port_groups.iter().copied());
        self.forgets("peer", port.peer);
        self.keeps("binding", port.binding.iter().map(|binding| binding.host));
    }

    fn route(&mut self, route: &Route) {
        self.follows("router", route.router);
        if let NextHop::Port { port, .. } = route.next_hop {
            self.follows("next_hop", port);
        }
    }

    fn condition(&mut self, condition: &Condition) {
        let port_groups = [
            ("condition.port_group", condition.port_group),
            ("condition.in_port_group", condition.in_port_group),
            ("condition.out_port_group", condition.out_port_group),
        ];
        for (field, test) in port_groups {
            self.keeps(field, test.map(|test| test.value));
        }
        let address_groups = [
            ("condition.source_group", condition.source_group),
            ("condition.destination_group", condition.destination_group),
        ];
        for (field, test) in address_groups {
            self.keeps(field, test.map(|test| test.value));
        }
    }
}
