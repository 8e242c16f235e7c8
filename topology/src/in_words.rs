//! A rule in words: `accept tcp to 80 from 10.0.0.0/8`.
//!
//! The words are for people and are not read back. They say everything that the rule asks for.

use crate::chain::{
    Condition, FragmentPolicy, NatDirection, NatVerdict, PortRange, Rule, RuleAction, Test,
};
use crate::id::ObjectId;
use crate::object::Object;
use crate::text::{EtherType, Prefix, Protocol};
use crate::topology::Topology;

/// What an object is called, such as a group's name.
pub type NameOf<'a> = &'a dyn Fn(ObjectId) -> String;

impl Rule {
    /// What the rule does, in words, without its place in the chain.
    pub fn in_words(&self, name: NameOf) -> String {
        let default = FragmentPolicy::default_of(&self.condition, &self.action);
        let mut words = action(&self.action, name);
        let packets = packets(&self.condition, default, name);
        let is_jump = matches!(self.action, RuleAction::Jump { .. });
        if is_jump && (self.condition.invert || !packets.is_empty()) {
            words.push_str(" for");
        }
        match (packets.is_empty(), self.condition.invert) {
            (true, false) if is_jump => {}
            (true, false) => words.push_str(" everything"),
            (true, true) => words.push_str(" nothing"),
            (false, false) => words.push_str(&format!(" {packets}")),
            (false, true) => words.push_str(&format!(" all but ({packets})")),
        }
        if let Some(then) = verdict(&self.action) {
            words.push_str(&format!(", then {then}"));
        }
        if let Some(log) = &self.log {
            words.push_str(&format!(", logged as {log}"));
        }
        words
    }
}

impl Topology {
    /// The name of an object that has one, else its id.
    pub fn name_of(&self, id: ObjectId) -> String {
        let name = match self.object(id) {
            Some(Object::Bridge(bridge)) => bridge.name.as_str(),
            Some(Object::Router(router)) => router.name.as_str(),
            Some(Object::Chain(chain)) => chain.name.as_str(),
            Some(Object::PortGroup(group)) => group.name.as_str(),
            Some(Object::AddressGroup(group)) => group.name.as_str(),
            Some(Object::Host(host)) => host.name.as_str(),
            _ => "",
        };
        match name {
            "" => id.id.to_string(),
            name => name.to_owned(),
        }
    }
}

fn action(action: &RuleAction, name: NameOf) -> String {
    match action {
        RuleAction::Accept => "accept".to_owned(),
        RuleAction::Continue => "pass over".to_owned(),
        RuleAction::Drop => "drop".to_owned(),
        RuleAction::Reject => "reject".to_owned(),
        RuleAction::Return => "return".to_owned(),
        RuleAction::Jump { chain } => format!("jump to {}", name((*chain).into())),
        RuleAction::Nat {
            direction,
            targets,
            reverse,
            ..
        } => {
            let side = match direction {
                NatDirection::Source => "source",
                NatDirection::Destination => "destination",
            };
            if *reverse {
                return format!("undo the {side} translation of");
            }
            let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
            format!("translate the {side} to {} of", targets.join(" or "))
        }
    }
}

/// Where a translation goes on.
fn verdict(action: &RuleAction) -> Option<&'static str> {
    let RuleAction::Nat { then, .. } = action else {
        return None;
    };
    Some(match then {
        NatVerdict::Accept => "accept",
        NatVerdict::Continue => "continue",
        NatVerdict::Return => "return",
    })
}

/// Which packets a condition is for; nothing: all of them.
fn packets(of: &Condition, default: FragmentPolicy, name: NameOf) -> String {
    let mut words = Words(Vec::new());
    words.test("", of.ether_type, |value| EtherType(value).to_string());
    words.test("", of.protocol, |value| match Protocol(value).to_string() {
        number if number.starts_with(|c: char| c.is_ascii_digit()) => format!("protocol {number}"),
        name => name,
    });
    words.flag(of.match_forward_flow, "of the original direction");
    words.flag(of.match_return_flow, "in reply");
    // ICMP's type and code stand where other protocols have ports.
    let is_icmp = of
        .protocol
        .is_some_and(|test| !test.invert && matches!(test.value, 1 | 58));
    if is_icmp {
        words.test("type", of.source_port, |range| range.to_string());
        words.test("code", of.destination_port, |range| range.to_string());
    }
    let ports = |range: Option<Test<PortRange>>| range.filter(|_| !is_icmp);
    let destination = of.destination.map(prefix);
    let group = |test: Test<_>, id: ObjectId| Test {
        value: format!("group {}", name(id)),
        invert: test.invert,
    };
    let to_group = of
        .destination_group
        .map(|test| group(unit(&test), test.value.into()));
    words.end("to", destination, to_group, ports(of.destination_port));
    let from_group = of
        .source_group
        .map(|test| group(unit(&test), test.value.into()));
    words.end(
        "from",
        of.source.map(prefix),
        from_group,
        ports(of.source_port),
    );
    words.test("from MAC", of.mac_source, |mac| mac.to_string());
    words.test("to MAC", of.mac_destination, |mac| mac.to_string());
    if let Some(test) = &of.vlan {
        words.0.push(match (test.value, test.invert) {
            (0, false) => "untagged".to_owned(),
            (0, true) => "tagged".to_owned(),
            (vlan, false) => format!("in VLAN {vlan}"),
            (vlan, true) => format!("not in VLAN {vlan}"),
        });
    }
    words.test("with TOS", of.tos, |tos| format!("{tos:#04x}"));
    if let Some(test) = &of.in_ports {
        let ports = test.value.iter().map(|port| name((*port).into()));
        words.set("in by port", ports.collect(), test.invert);
    }
    if let Some(test) = &of.out_ports {
        let ports = test.value.iter().map(|port| name((*port).into()));
        words.set("out by port", ports.collect(), test.invert);
    }
    let group = |id: ObjectId| format!("of group {}", name(id));
    words.test("sent by a port", of.port_group, |id| group(id.into()));
    words.test("in by a port", of.in_port_group, |id| group(id.into()));
    words.test("out by a port", of.out_port_group, |id| group(id.into()));
    if of.fragment_policy != default {
        words.0.push(
            match of.fragment_policy {
                FragmentPolicy::Any => "fragments, too",
                FragmentPolicy::Nonheader => "only later fragments",
                FragmentPolicy::Header => "no later fragments",
                FragmentPolicy::Unfragmented => "no fragments",
            }
            .to_owned(),
        );
    }
    words.0.join(" ")
}

/// A test's sense without its value.
fn unit<T>(test: &Test<T>) -> Test<()> {
    Test {
        value: (),
        invert: test.invert,
    }
}

fn prefix(test: Test<ipnet::IpNet>) -> Test<String> {
    Test {
        value: Prefix(test.value).to_string(),
        invert: test.invert,
    }
}

struct Words(Vec<String>);

impl Words {
    fn flag(&mut self, is_set: bool, word: &str) {
        if is_set {
            self.0.push(word.to_owned());
        }
    }

    fn test<T: Copy>(&mut self, what: &str, test: Option<Test<T>>, value: impl Fn(T) -> String) {
        if let Some(test) = test {
            self.set(what, vec![value(test.value)], test.invert);
        }
    }

    fn set(&mut self, what: &str, values: Vec<String>, invert: bool) {
        let not = if invert { "not" } else { "" };
        let values = values.join(" or ");
        let parts = [not, what, &values].into_iter();
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        self.0.push(parts.join(" "));
    }

    /// Addresses and ports of one end; ports alone stand in the place of the address.
    fn end(
        &mut self,
        what: &str,
        address: Option<Test<String>>,
        group: Option<Test<String>>,
        ports: Option<Test<PortRange>>,
    ) {
        let has_address = address.is_some() || group.is_some();
        for test in [address, group].into_iter().flatten() {
            self.set(what, vec![test.value], test.invert);
        }
        let what = if has_address { "port" } else { what };
        self.test(what, ports, |range| range.to_string());
    }
}
