//! A file's chains and groups.

use weft_topology::chain::{AddressGroup, AddressGroupMember, Chain, PortGroup, Rule};
use weft_topology::id::{AddressGroupId, ChainId, PortGroupId, RuleId};
use weft_topology::{Change, Kind};
use weft_wire::topology_file::{AddressGroupEntry, ChainEntry, PortGroupEntry};

use super::Reader;
use crate::file::names::{name_of, rule_ids};

impl<'f> Reader<'f> {
    /// A chain has the rules that the file lists, and no others.
    pub(super) fn chain(&mut self, key: &'f str, entry: &'f ChainEntry) {
        let (id, path) = self.table(Kind::Chain, key);
        let id = ChainId(id);
        let mut rules: Vec<(String, Rule)> = Vec::new();
        for (place, entry) in entry.rule.iter().enumerate() {
            let path = format!("{path}.rule[{place}]");
            if let Some(rule) = self.rule(&path, id, entry) {
                rules.push((path, rule));
            }
        }
        let derived = rule_ids(id, rules.iter().map(|(_, rule)| rule));
        for (((_, rule), entry), derived) in rules.iter_mut().zip(&entry.rule).zip(derived) {
            rule.id = entry.id.map_or(derived, RuleId);
        }
        let listed: Vec<RuleId> = rules.iter().map(|(_, rule)| rule.id).collect();
        if let Some(old) = self.topology().chain(id) {
            let dropped = old.rules.iter().filter(|rule| !listed.contains(rule));
            let dropped = dropped.map(|rule| Change::Gone((*rule).into()));
            self.wanted.others.extend(dropped);
        }
        self.add(
            path,
            Chain {
                id,
                tenant_id: entry.tenant.clone(),
                name: name_of(key, entry.name.as_ref()),
                rules: listed,
            },
        );
        for (path, rule) in rules {
            let old = self.topology().rule(rule.id);
            if let Some(old) = old.filter(|old| old.chain != id) {
                let message = format!(
                    "rule {} belongs to chain {}; a rule cannot move",
                    old.id, old.chain
                );
                self.wrong(&path, message);
                continue;
            }
            self.add(path, rule);
        }
    }

    pub(super) fn port_group(&mut self, key: &'f str, entry: &'f PortGroupEntry) {
        let (id, path) = self.table(Kind::PortGroup, key);
        let group = PortGroup {
            id: PortGroupId(id),
            tenant_id: entry.tenant.clone(),
            name: name_of(key, entry.name.as_ref()),
            stateful: entry.stateful,
        };
        self.add(path, group);
    }

    pub(super) fn address_group(&mut self, key: &'f str, entry: &'f AddressGroupEntry) {
        let (id, path) = self.table(Kind::AddressGroup, key);
        let group = AddressGroup {
            id: AddressGroupId(id),
            tenant_id: entry.tenant.clone(),
            name: name_of(key, entry.name.as_ref()),
        };
        let id = group.id;
        self.add(path.clone(), group);
        for (place, prefix) in entry.addresses.iter().enumerate() {
            let path = format!("{path}.addresses[{place}]");
            let prefix = prefix.0.0;
            if prefix != prefix.trunc() {
                let message = format!("{prefix} has bits set beyond its length");
                self.wrong(&path, message);
                continue;
            }
            self.add(path, AddressGroupMember::new(id, prefix));
        }
    }
}
