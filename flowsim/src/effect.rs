//! What an outcome asks of its caller beside the actions.

use weft_dhcp::{NotDhcp, NotOurs, Silence};
use weft_topology::MacAddr;
use weft_topology::id::{BridgeId, DhcpHostId, PortId};

use crate::punt::PuntClass;

/// Something to do because this packet came. Effects belong to a packet that arrived: a simulation
/// that only re-checks a flow or traces drops them.
#[derive(Clone, PartialEq, Eq, Debug)]
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
    /// A DHCP message that the server took, and said nothing to.
    Unanswered {
        /// The host that sent it.
        host: DhcpHostId,
        /// Why.
        why: Unanswered,
    },
}

/// Why the DHCP server says nothing to one of its hosts.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unanswered {
    /// Its headers are wrong (a checksum).
    #[error("the message's headers: {0}")]
    Headers(#[from] NotDhcp),
    /// It is for another server or client.
    #[error("the message is not for this server: {0}")]
    NotOurs(#[from] NotOurs),
    /// It asks for nothing that the server gives.
    #[error("{0}")]
    Silent(#[from] Silence),
    /// All addresses of the subnet are taken, so its server has none to speak from.
    #[error("the subnet has no address left for its server")]
    NoServer,
}
