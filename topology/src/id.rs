//! Typed identifiers. Every object has a UUID; its type keeps a bridge's id from being used as a router's.
//!
//! Objects with a natural key inside a parent (a MAC entry, a DHCP host) have an id derived from it
//! (UUID version 5, RFC 9562 §5.5), so that writing the same entry twice is one object.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident => $kind:ident,)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
            #[serde(transparent)]
            pub struct $name(pub Uuid);

            impl $name {
                /// The kind of object that this id names.
                pub const KIND: Kind = Kind::$kind;
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.fmt(f)
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, "{}:{}", Kind::$kind, self.0)
                }
            }

            impl FromStr for $name {
                type Err = uuid::Error;

                fn from_str(text: &str) -> Result<Self, Self::Err> {
                    Uuid::from_str(text).map(Self)
                }
            }

            impl From<Uuid> for $name {
                fn from(id: Uuid) -> Self {
                    Self(id)
                }
            }

            impl From<$name> for ObjectId {
                fn from(id: $name) -> Self {
                    Self { kind: Kind::$kind, id: id.0 }
                }
            }
        )*

        /// The kinds of objects in the topology.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Kind {
            $(
                $(#[$doc])*
                $kind,
            )*
        }

        impl Kind {
            /// Every kind, in the order of declaration.
            pub const ALL: &'static [Kind] = &[$(Kind::$kind),*];
        }
    };
}

typed_ids! {
    /// A virtual layer 2 switch (Neutron: network).
    BridgeId => Bridge,
    /// A virtual layer 3 router.
    RouterId => Router,
    /// A port of a bridge or of a router.
    PortId => Port,
    /// A route of a router.
    RouteId => Route,
    /// An ordered list of rules.
    ChainId => Chain,
    /// One rule of a chain.
    RuleId => Rule,
    /// A named set of ports.
    PortGroupId => PortGroup,
    /// A named set of IP prefixes.
    AddressGroupId => AddressGroup,
    /// One prefix in an address group.
    AddressGroupMemberId => AddressGroupMember,
    /// An IPv4 subnet that a bridge answers DHCP for.
    DhcpSubnetId => DhcpSubnet,
    /// A host known to a DHCP subnet, by its MAC.
    DhcpHostId => DhcpHost,
    /// An IPv6 subnet that a bridge answers DHCPv6 for.
    Dhcp6SubnetId => Dhcp6Subnet,
    /// A host known to a DHCPv6 subnet.
    Dhcp6HostId => Dhcp6Host,
    /// A persistent entry of a bridge's MAC table.
    MacEntryId => MacEntry,
    /// A persistent entry of a bridge's ARP and neighbour table.
    ArpEntryId => ArpEntry,
    /// A hypervisor.
    HostId => Host,
    /// A set of hosts that reach one another by tunnels.
    TunnelZoneId => TunnelZone,
    /// A host's membership in a tunnel zone.
    TunnelZoneHostId => TunnelZoneHost,
}

/// The id of any object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectId {
    /// What it is.
    pub kind: Kind,
    /// Which one.
    pub id: Uuid,
}

/// Why a text is not an object's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not an object's id: want KIND/UUID, with a kind such as bridge or port")]
pub struct ParseObjectIdError {
    text: String,
}

/// Derives the id of a child that has a natural key: the same parent, kind and key give the same id.
pub fn derived_id(kind: Kind, parent: Uuid, key: &str) -> Uuid {
    Uuid::new_v5(&parent, format!("{kind}/{key}").as_bytes())
}

// === impl Kind ===

impl Kind {
    /// The name used in the store, on the wire and in logs, such as `dhcp_subnet`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Bridge => "bridge",
            Kind::Router => "router",
            Kind::Port => "port",
            Kind::Route => "route",
            Kind::Chain => "chain",
            Kind::Rule => "rule",
            Kind::PortGroup => "port_group",
            Kind::AddressGroup => "address_group",
            Kind::AddressGroupMember => "address_group_member",
            Kind::DhcpSubnet => "dhcp_subnet",
            Kind::DhcpHost => "dhcp_host",
            Kind::Dhcp6Subnet => "dhcp6_subnet",
            Kind::Dhcp6Host => "dhcp6_host",
            Kind::MacEntry => "mac_entry",
            Kind::ArpEntry => "arp_entry",
            Kind::Host => "host",
            Kind::TunnelZone => "tunnel_zone",
            Kind::TunnelZoneHost => "tunnel_zone_host",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// === impl ObjectId ===

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ObjectId {
    type Err = ParseObjectIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseObjectIdError {
            text: text.to_owned(),
        };
        let (kind, id) = text.split_once('/').ok_or_else(error)?;
        let kind = Kind::ALL
            .iter()
            .copied()
            .find(|k| k.name() == kind)
            .ok_or_else(error)?;
        Ok(ObjectId {
            kind,
            id: id.parse().map_err(|_| error())?,
        })
    }
}
