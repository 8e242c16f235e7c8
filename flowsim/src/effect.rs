//! What an outcome asks of its caller beside the actions.

use weft_topology::MacAddr;
use weft_topology::id::{BridgeId, PortId};

use crate::punt::PuntClass;

/// Something to do because this packet came. Effects belong to a packet that arrived: a simulation
/// that only re-checks a flow or traces drops them.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Effect {
    /// The learned table of a bridge says otherwise, or nothing, about a source MAC: it is now behind
    /// this port. A flow whose re-check yields this must not be kept (see
    /// [`Outcome::upholds`](crate::Outcome::upholds)): its next packet has to come up and teach.
    Learn {
        /// The bridge.
        bridge: BridgeId,
        /// VLAN id 1 to 4094, or 0 for untagged frames.
        vlan: u16,
        /// The source address.
        mac: MacAddr,
        /// The port that the frame came in by.
        port: PortId,
    },
    /// A frame to send in answer.
    Answer {
        /// The virtual port that it leaves by, carried by this host.
        port: PortId,
        /// The whole Ethernet frame, without tag and frame check sequence.
        frame: Vec<u8>,
        /// The service that answers.
        class: PuntClass,
    },
}
