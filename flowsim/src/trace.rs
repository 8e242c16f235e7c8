//! The steps of a simulation, for people. They are collected by the simulation itself, so a trace says
//! what the datapath does.

use std::fmt;
use std::net::IpAddr;

use weft_topology::{MacAddr, ObjectId};

use crate::logged::Said;
use crate::punt::PuntClass;
use crate::reason::Reason;

/// One thing that a packet met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// The device, table entry or rule, if it is an object.
    pub object: Option<ObjectId>,
    /// What happened there.
    pub what: What,
}

/// What happens at a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// Came in by a datapath port.
    Enters(u32),
    /// Is bridged here.
    Bridged,
    /// Had its priority tag taken off.
    PriorityTagOff,
    /// Belongs to a VLAN.
    InVlan(u16),
    /// Teaches that its source is behind the ingress port.
    Teaches(MacAddr),
    /// Comes from where its source is known to be.
    FromKnown(MacAddr),
    /// Its source is a DHCP host that is served.
    IsDhcpHost(MacAddr),
    /// Its source is no DHCP host that is served.
    IsNoDhcpHost(MacAddr),
    /// Asks for an address that a table has.
    AsksFor(IpAddr, MacAddr),
    /// Asks for an address that no table has.
    AsksForUnknown(IpAddr),
    /// Is for a MAC that the bridge has learned to be behind this port.
    Learned(MacAddr),
    /// Is for a MAC whose persistent entry names this port.
    Persistent(MacAddr),
    /// Is for a MAC that no table has.
    Unknown(MacAddr),
    /// Does not go out here: the port is administratively down.
    SkipsDown,
    /// Leaves by a datapath port.
    Leaves(u32),
    /// Goes in a connection that is known: as its replies do, or as its first packet did.
    Goes(bool),
    /// Meets the condition of a rule.
    Matches,
    /// Is logged by this rule, as one that it has said this of.
    Logs(Said),
    /// Is denied, and goes on because its connection was admitted before.
    Kept,
    /// Is not let out here.
    HeldBack,
    /// Is something that is never answered.
    MayNotBeAnswered,
    /// Is not what the service takes, and goes on as ordinary traffic.
    HandedBack(PuntClass),
    /// The end.
    Verdict(Reason),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Enters(number) => write!(f, "enters by datapath port {number}"),
            What::Bridged => f.write_str("is bridged"),
            What::PriorityTagOff => f.write_str("has its priority tag taken off"),
            What::InVlan(0) => f.write_str("is untagged"),
            What::InVlan(vlan) => write!(f, "is in VLAN {vlan}"),
            What::Teaches(mac) => write!(f, "teaches that {mac} is here"),
            What::FromKnown(mac) => write!(f, "comes from {mac}, known to be here"),
            What::IsDhcpHost(mac) => write!(f, "{mac} is a DHCP host that is served"),
            What::IsNoDhcpHost(mac) => write!(f, "{mac} is no DHCP host that is served"),
            What::AsksFor(addr, mac) => write!(f, "asks for {addr}, which {mac} has"),
            What::AsksForUnknown(addr) => write!(f, "asks for {addr}, which no table has"),
            What::Learned(mac) => write!(f, "{mac} is learned to be here"),
            What::Persistent(mac) => write!(f, "a persistent entry has {mac} here"),
            What::Unknown(mac) => write!(f, "{mac} is in no table"),
            What::SkipsDown => f.write_str("is administratively down, skipped"),
            What::Leaves(number) => write!(f, "leaves by datapath port {number}"),
            What::Goes(true) => f.write_str("is a reply, or an error about a connection"),
            What::Goes(false) => f.write_str("goes the way of its connection's first packet"),
            What::Matches => f.write_str("meets the condition"),
            What::Logs(said) => write!(f, "is logged ({})", said.name()),
            What::Kept => f.write_str("is kept: its connection was let in before"),
            What::HeldBack => f.write_str("is not let out here"),
            What::MayNotBeAnswered => f.write_str("is not answered: it may be an answer itself"),
            What::HandedBack(class) => write!(f, "is not for {}, handed back", class.name()),
            What::Verdict(reason) => reason.fmt(f),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.object {
            Some(object) => write!(f, "{object}: {}", self.what),
            None => self.what.fmt(f),
        }
    }
}
