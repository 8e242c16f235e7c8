//! One thing that was asked of this host, and how far it is.

use std::collections::BTreeSet;

use weft_topology::id::PortId;

/// How far the service was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// It has to be asked.
    Due,
    /// It has been asked and has not answered.
    Asked,
    /// It has answered.
    Answered,
}

/// An interface that should carry a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The port.
    pub port: PortId,
    /// MTU asked for, in bytes.
    pub mtu: Option<u16>,
    /// How far the service was asked.
    pub ask: Ask,
    /// The revision at which it granted it.
    pub granted: Option<u64>,
    /// Why it refused it.
    pub refused: Option<String>,
    /// Whether the answer was given before the watch that is followed began.
    pub is_old: bool,
}

/// A port that is given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The interfaces that carried it; their files say so until the service knows.
    pub interfaces: BTreeSet<String>,
    /// How far the service was asked.
    pub ask: Ask,
    /// The revision at which it took it back.
    pub told: Option<u64>,
    /// Whether the answer was given before the watch that is followed began.
    pub is_old: bool,
}

/// Questions to the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// Ports to ask for, with their interfaces.
    pub plugs: Vec<(PortId, String)>,
    /// Ports to give back.
    pub back: Vec<PortId>,
}

impl Wish {
    /// The service has to be asked, whatever it has answered.
    pub(super) fn ask_anew(&mut self) {
        self.ask = Ask::Due;
        self.granted = None;
        self.refused = None;
        self.is_old = false;
    }
}
