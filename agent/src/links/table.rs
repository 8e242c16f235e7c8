//! The interfaces that are there, by name.

use std::collections::BTreeMap;

use weft_topology::MacAddr;
use weft_wire::host::Interface;

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The kernel's number; another interface of the same name has another one.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its MAC, if it has one.
    pub mac: Option<MacAddr>,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// Whether it is administratively up.
    pub up: bool,
    /// Whether it has a carrier.
    pub carrier: bool,
    /// What it is, as the kernel calls it; empty for hardware.
    pub kind: String,
    /// Its addresses with prefix lengths.
    pub addresses: Vec<String>,
    /// The index of the bridge, bond or datapath that it belongs to.
    pub master: Option<u32>,
    /// It is the host's loopback.
    pub is_loopback: bool,
    /// Its frames have no Ethernet header (a tun device, an IP tunnel).
    pub has_no_ethernet: bool,
}

/// News of the interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkChange {
    /// These are all.
    All(Vec<Link>),
    /// This one is there and is so. Its addresses are not told.
    Here(Link),
    /// The one with this index is gone.
    Gone(u32),
}

/// All interfaces.
#[derive(Clone, Debug, Default)]
pub struct LinkTable {
    by_index: BTreeMap<u32, Link>,
    by_name: BTreeMap<String, u32>,
}

impl LinkTable {
    /// Takes news; whether they were any.
    pub fn take(&mut self, change: LinkChange) -> bool {
        match change {
            LinkChange::All(links) => {
                let fresh: BTreeMap<u32, Link> =
                    links.into_iter().map(|link| (link.index, link)).collect();
                if fresh == self.by_index {
                    return false;
                }
                self.by_index = fresh;
            }
            LinkChange::Here(mut link) => {
                if let Some(known) = self.by_index.get(&link.index) {
                    link.addresses.clone_from(&known.addresses);
                    if *known == link {
                        return false;
                    }
                }
                // The kernel has no two of one name: an old one has been renamed or is gone.
                self.by_index.retain(|_, known| known.name != link.name);
                self.by_index.insert(link.index, link);
            }
            LinkChange::Gone(index) => {
                if self.by_index.remove(&index).is_none() {
                    return false;
                }
            }
        }
        let names = self.by_index.values();
        self.by_name = names.map(|link| (link.name.clone(), link.index)).collect();
        true
    }

    /// The interface of a name.
    pub fn get(&self, name: &str) -> Option<&Link> {
        self.by_index.get(self.by_name.get(name)?)
    }

    /// All of them as they are reported.
    pub fn report(&self) -> Vec<Interface> {
        let links = self.by_index.values();
        links
            .map(|link| Interface {
                name: link.name.clone(),
                mac: link.mac,
                mtu: link.mtu,
                up: link.up,
                carrier: link.carrier,
                kind: link.kind.clone(),
                addresses: link.addresses.clone(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u32, name: &str) -> Link {
        Link {
            index,
            name: name.to_owned(),
            ..Link::default()
        }
    }

    #[test]
    fn a_name_means_the_newest_interface_that_has_it() {
        let mut table = LinkTable::default();
        assert!(table.take(LinkChange::Here(link(3, "tap0"))));
        assert!(table.take(LinkChange::Here(link(9, "tap0"))));
        assert_eq!(table.get("tap0").unwrap().index, 9);
        // The old one's end comes late.
        table.take(LinkChange::Gone(3));
        assert_eq!(table.get("tap0").unwrap().index, 9);
        assert!(table.take(LinkChange::Gone(9)));
        assert_eq!(table.get("tap0"), None);
    }

    #[test]
    fn a_renamed_interface_leaves_its_old_name() {
        let mut table = LinkTable::default();
        table.take(LinkChange::Here(link(3, "tap0")));
        table.take(LinkChange::Here(link(3, "tap1")));
        assert_eq!(table.get("tap0"), None);
        assert_eq!(table.get("tap1").unwrap().index, 3);
    }

    #[test]
    fn what_is_already_so_is_no_news() {
        let mut table = LinkTable::default();
        let mut with_address = link(1, "lo");
        with_address.addresses = vec!["127.0.0.1/8".to_owned()];
        assert!(table.take(LinkChange::All(vec![with_address.clone()])));
        assert!(!table.take(LinkChange::All(vec![with_address.clone()])));
        // Single news say nothing of addresses.
        assert!(!table.take(LinkChange::Here(link(1, "lo"))));
        assert_eq!(table.report()[0].addresses, with_address.addresses);
        assert!(!table.take(LinkChange::Gone(7)));
    }
}
