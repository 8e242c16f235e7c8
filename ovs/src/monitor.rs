//! What happens to the datapath without our doing.

use std::os::fd::AsFd;

use crate::error::Error;
use crate::vport::Vport;

/// Something that somebody else did. The kernel may say a thing twice, and drops what it cannot queue
/// ([`DatapathEvent::EventsLost`]): read the state again where it matters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DatapathEvent {
    /// The datapath had been switched to another dispatch of upcalls; it was switched back. Between
    /// the two, upcalls were lost.
    DispatchRestored {
        /// The user features that somebody had set (`OVS_DP_F_*`).
        found: u32,
    },
    /// The datapath is gone, with its ports and flows. Nothing more comes from this monitor.
    DatapathDeleted,
    /// A port is gone: its device was removed, or somebody deleted the port.
    VportRemoved(Vport),
    /// Somebody (this program, too) added a port.
    VportAdded(Vport),
    /// Somebody (this program, too) changed a port.
    VportChanged(Vport),
    /// The kernel had no room to queue events: read the ports again. The dispatch has been checked.
    EventsLost,
}

/// Follows a datapath. One thread polls it; every event is followed at once, so the longer it goes
/// unread the longer a changed dispatch loses upcalls.
pub trait DatapathMonitor: AsFd + Send {
    /// Reads what has happened; empty when nothing has. Never blocks.
    fn handle(&mut self) -> Result<Vec<DatapathEvent>, Error>;

    /// How often the dispatch of upcalls was restored so far.
    fn dispatch_restored(&self) -> u64;
}
