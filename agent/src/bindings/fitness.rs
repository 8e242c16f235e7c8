//! Whether an interface may carry a port at all. Asked before anything is done to it: a refused plug leaves
//! the interface as it was.

use weft_ovs::DatapathInfo;

use crate::links::Link;

/// Why an interface may not carry a port. Each says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// The host talks to itself by it.
    #[error("{0} is the host's loopback: plug a tap, a veth end or a network card")]
    Loopback(String),
    /// The device that comes with the datapath.
    #[error("{0} is the datapath's own device: plug a tap, a veth end or a network card")]
    Datapath(String),
    /// It brings bare IP packets.
    #[error("{0} has no Ethernet frames (a tun device?): plug a tap")]
    NoEthernet(String),
    /// It belongs to a bridge, a bond or another datapath.
    #[error(
        "{interface} belongs to another device (index {master}): take it out first (ip link set {interface} nomaster)"
    )]
    Taken {
        /// The interface.
        interface: String,
        /// The index of the other device.
        master: u32,
    },
    /// The host would lose an address of its own.
    #[error(
        "{interface} has the host's address {address}: plug another interface, or take the address off first (ip address flush dev {interface})"
    )]
    HasAddress {
        /// The interface.
        interface: String,
        /// The first of its addresses.
        address: String,
    },
}

/// Whether an interface may carry a port of a datapath.
pub(super) fn check(link: &Link, datapath: &DatapathInfo) -> Result<(), Unfit> {
    let interface = link.name.clone();
    if link.is_loopback {
        return Err(Unfit::Loopback(interface));
    }
    if link.name == datapath.name {
        return Err(Unfit::Datapath(interface));
    }
    if link.has_no_ethernet {
        return Err(Unfit::NoEthernet(interface));
    }
    // A vport belongs to its datapath's own device.
    if let Some(master) = link.master.filter(|master| *master != datapath.ifindex) {
        return Err(Unfit::Taken { interface, master });
    }
    // The kernel gives link-local addresses by itself to whatever is up; they go with IPv6.
    let mut own = link.addresses.iter();
    match own.find(|address| !address.starts_with("fe80:")) {
        Some(address) => Err(Unfit::HasAddress {
            interface,
            address: address.clone(),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tap() -> Link {
        Link {
            index: 7,
            name: "tap0".to_owned(),
            ..Link::default()
        }
    }

    fn datapath() -> DatapathInfo {
        DatapathInfo {
            name: "weft".to_owned(),
            ifindex: 3,
            ..DatapathInfo::default()
        }
    }

    #[test]
    fn what_is_the_hosts_own_or_somebody_elses_is_refused() {
        assert_eq!(check(&tap(), &datapath()), Ok(()));
        let is = |change: fn(&mut Link)| {
            let mut link = tap();
            change(&mut link);
            check(&link, &datapath())
        };
        assert!(matches!(
            is(|it| it.is_loopback = true),
            Err(Unfit::Loopback(_))
        ));
        assert!(matches!(
            is(|it| it.name = "weft".to_owned()),
            Err(Unfit::Datapath(_))
        ));
        assert!(matches!(
            is(|it| it.has_no_ethernet = true),
            Err(Unfit::NoEthernet(_))
        ));
        assert!(matches!(
            is(|it| it.master = Some(9)),
            Err(Unfit::Taken { master: 9, .. })
        ));
        assert_eq!(is(|it| it.master = Some(3)), Ok(()));
        let addressed = is(|it| it.addresses = vec!["fe80::1/64".into(), "10.0.0.1/8".into()]);
        assert!(
            matches!(addressed, Err(Unfit::HasAddress { address, .. }) if address == "10.0.0.1/8")
        );
        assert_eq!(is(|it| it.addresses = vec!["fe80::1/64".into()]), Ok(()));
    }
}
