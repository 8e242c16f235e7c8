//! Any object of the topology, and a change to one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bridge::{ArpEntry, Bridge, MacEntry};
use crate::chain::{AddressGroup, AddressGroupMember, Chain, PortGroup, Rule};
use crate::dhcp::{Dhcp6Host, Dhcp6Subnet, DhcpHost, DhcpSubnet};
use crate::host::{Host, TunnelZone, TunnelZoneHost};
use crate::id::{Kind, ObjectId};
use crate::port::Port;
use crate::router::{Route, Router};

macro_rules! objects {
    ($($name:ident,)*) => {
        /// Any object of the topology. Cheap to clone. In JSON the field `kind` says which it is.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        #[allow(missing_docs)]
        pub enum Object {
            $($name(Arc<$name>),)*
        }

        impl Object {
            /// Its id.
            pub fn id(&self) -> ObjectId {
                match self {
                    $(Object::$name(object) => object.id.into(),)*
                }
            }

            /// Its kind.
            pub fn kind(&self) -> Kind {
                match self {
                    $(Object::$name(_) => Kind::$name,)*
                }
            }
        }

        $(
            impl From<$name> for Object {
                fn from(object: $name) -> Self {
                    Object::$name(Arc::new(object))
                }
            }

            impl From<Arc<$name>> for Object {
                fn from(object: Arc<$name>) -> Self {
                    Object::$name(object)
                }
            }
        )*
    };
}

objects! {
    Bridge, Router, Port, Route, Chain, Rule, PortGroup, AddressGroup, AddressGroupMember,
    DhcpSubnet, DhcpHost, Dhcp6Subnet, Dhcp6Host, MacEntry, ArpEntry, Host, TunnelZone, TunnelZoneHost,
}

/// One object written or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The object is now this.
    Put(Object),
    /// The object is no more.
    Gone(ObjectId),
}

impl Change {
    /// The object it is about.
    pub fn id(&self) -> ObjectId {
        match self {
            Change::Put(object) => object.id(),
            Change::Gone(id) => *id,
        }
    }
}
