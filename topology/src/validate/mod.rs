//! What is wrong with an object, and where: the words of validation.
//!
//! [`Object::check`](crate::Object::check) looks at an object alone; the constraints between objects
//! are looked at where a transaction is applied, [`Topology::apply`](crate::Topology::apply).

mod chain;
mod fields;
mod names;

pub use chain::MIN_ETHER_TYPE;
pub use fields::{MAX_TUNNEL_KEY, MAX_VLAN, MIN_MTU, is_interface_name};
pub use names::MAX_NAME;

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use pnet_base::MacAddr;
use uuid::Uuid;

use crate::chain::FragmentPolicy;
use crate::id::{ChainId, ObjectId, PortId};

/// One thing that is wrong with one field of one object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{object}: field '{field}': {problem}")]
pub struct Violation {
    /// The object.
    pub object: ObjectId,
    /// The field, by its name in the object's type; of a field within another, `outer.inner`.
    pub field: &'static str,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The object that it names is not there.
    #[error("{0} does not exist")]
    NoSuch(ObjectId),
    /// The object shall go, but others need it.
    #[error("cannot be removed: in use by {}", List(.by))]
    InUse {
        /// The others.
        by: Vec<ObjectId>,
    },
    /// The id is not the one that the object's key gives.
    #[error("must be {expected}, which its parent and key give")]
    WrongId {
        /// The id that the key gives.
        expected: Uuid,
    },
    /// The object that it names does not belong where it should.
    #[error("{part} does not belong to {whole}")]
    NotPartOf {
        /// The object that is named.
        part: ObjectId,
        /// Where it should belong.
        whole: ObjectId,
    },
    /// The same object is named twice.
    #[error("{0} stands there more than once")]
    Twice(ObjectId),
    /// An object that belongs to this one is not in its list.
    #[error("{0} is missing, which belongs to it")]
    Unlisted(ObjectId),
    /// Another object has the value, and it must be unique.
    #[error("is already that of {0}")]
    Taken(ObjectId),
    /// A number is out of its range.
    #[error("{value} is not within {least} to {most}")]
    OutOfRange {
        /// The number.
        value: u64,
        /// The least allowed.
        least: u64,
        /// The greatest allowed.
        most: u64,
    },
    /// A range ends before it begins.
    #[error("the range ends before it begins: {first} to {last}")]
    Reversed {
        /// Its first value.
        first: String,
        /// Its last value.
        last: String,
    },
    /// There is nothing where something must be.
    #[error("must not be empty")]
    Empty,
    /// There is something where nothing may be.
    #[error("must be empty {when}")]
    MustBeEmpty {
        /// Under which condition.
        when: &'static str,
    },
    /// A text is too long. It is not repeated: it may be very long.
    #[error("has {length} {unit}, at most {most} are allowed")]
    TooLong {
        /// How long it is.
        length: usize,
        /// What is counted, such as `characters`.
        unit: &'static str,
        /// The greatest length.
        most: usize,
    },
    /// A text for people has a character that would upset their terminals and logs.
    #[error("has the control character {}", .0.escape_unicode())]
    ControlCharacter(char),
    /// Not a name that a network interface can have (as Linux' `dev_valid_name`).
    #[error(
        "'{0}' cannot be an interface's name: 1 to 15 bytes without '/', ':', white space and control \
         characters, not '.' or '..'"
    )]
    InterfaceName(String),
    /// A multicast, broadcast or zero MAC where one station must be meant.
    #[error("{0} is not the address of one station")]
    NotUnicastMac(MacAddr),
    /// A multicast, broadcast or unspecified address where one host must be meant.
    #[error("{0} is not the address of one host")]
    NotUnicast(IpAddr),
    /// A prefix of which every address, or some, can be no host's.
    #[error("{prefix} is no subnet of hosts: it has addresses of {reserved}")]
    NotASubnet {
        /// The prefix.
        prefix: IpNet,
        /// What its addresses mean instead.
        reserved: IpNet,
    },
    /// The address of the subnet itself, or its broadcast address.
    #[error("{addr} is no host's address in {prefix}")]
    NotAHost {
        /// The address.
        addr: IpAddr,
        /// The subnet.
        prefix: IpNet,
    },
    /// The address is not in the subnet.
    #[error("{addr} is outside {prefix}")]
    Outside {
        /// The address.
        addr: IpAddr,
        /// The subnet.
        prefix: IpNet,
    },
    /// Bits beyond the prefix length are set.
    #[error("{0} has bits set beyond its length")]
    HostBits(IpNet),
    /// IPv4 and IPv6 are mixed.
    #[error("{0} and {1} are not of one family")]
    Families(String, String),
    /// A port that is its own peer.
    #[error("a port cannot be its own peer")]
    OwnPeer,
    /// The peer names another port, or none.
    #[error("port {peer} does not name this port as its peer")]
    OneSided {
        /// The peer.
        peer: PortId,
    },
    /// A rule that reads or chooses layer 4 ports is for fragments, too, which have none.
    #[error("is '{policy}', but must be {allowed} {when}: other fragments have no ports")]
    Fragments {
        /// What it is.
        policy: FragmentPolicy,
        /// What it may be.
        allowed: &'static str,
        /// Of which rules.
        when: &'static str,
    },
    /// Chains that jump to one another in a circle.
    #[error("jumps in a circle: {}", List(.0))]
    JumpCycle(Vec<ChainId>),
    /// More chains that jump to one another in a row than a packet is taken through.
    #[error("makes {jumps} jumps in a row, at most {most} are followed")]
    JumpsTooDeep {
        /// How many.
        jumps: usize,
        /// The greatest number.
        most: usize,
    },
}

/// Why a transaction was refused: everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", List(.0))]
pub struct ValidationError(pub Vec<Violation>);

/// Collects what is wrong with one object.
pub(crate) struct Findings {
    object: ObjectId,
    violations: Vec<Violation>,
}

impl Findings {
    pub(crate) fn of(object: ObjectId) -> Self {
        Self {
            object,
            violations: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, field: &'static str, problem: Problem) {
        self.violations.push(Violation {
            object: self.object,
            field,
            problem,
        });
    }

    pub(crate) fn require(&mut self, holds: bool, field: &'static str, problem: Problem) {
        if !holds {
            self.add(field, problem);
        }
    }

    pub(crate) fn into_violations(self) -> Vec<Violation> {
        self.violations
    }
}

struct List<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, item) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            item.fmt(f)?;
        }
        Ok(())
    }
}
