//! What others do to a datapath: another tool, or whoever removes a device.

use std::sync::Arc;

use weft_flow::{Action, FlowKey, FlowMask, Ufid};

use super::MemoryDatapath;
use super::keep::Kept;
use super::state::State;
use super::table::Id;
use crate::datapath::PutMode;
use crate::error::{Error, What};
use crate::monitor::DatapathEvent;

/// `OVS_DP_F_DISPATCH_UPCALL_PER_CPU`: upcalls go to a socket of the processor, not of the port.
pub(super) const PER_CPU: u32 = 1 << 3;

impl MemoryDatapath {
    /// Somebody deletes the datapath with its ports and flows. This handle and all others are good for
    /// nothing from now on.
    pub fn delete_by_stranger(&self) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.deleted, true) {
            state.ports.clear();
            state.table.clear();
            state.happened(DatapathEvent::DatapathDeleted);
        }
    }

    /// Another tool opens the datapath and by that switches it to upcalls by processor, for which there
    /// are no sockets: every upcall is lost until it is switched back.
    pub fn switch_dispatch(&self) {
        let mut state = self.lock();
        let features = state.features | PER_CPU;
        state.set_features(features);
    }

    /// A port's device goes away, and the port with it. Flows that name it stay.
    pub fn remove_device(&self, port_no: u32) -> Result<(), Error> {
        self.lock().remove_port(port_no)
    }

    /// The monitors have no room for what happens next: they are told so instead.
    pub fn lose_events(&self) {
        self.lock().happened(DatapathEvent::EventsLost);
    }

    /// Another tool puts a flow, with an id of its choice or none.
    pub fn put_by_stranger(
        &self,
        ufid: Option<Ufid>,
        key: &FlowKey,
        mask: &FlowMask,
        actions: &[Action],
    ) -> Result<(), Error> {
        let mut state = self.lock();
        let what = match ufid {
            Some(ufid) => What::PutFlow(ufid),
            None => What::PutFlow(Ufid::of(key, mask)),
        };
        let kept = Kept::new(key, mask, actions);
        let kept = kept.map_err(|wrong| wrong.error(state.attempt(what.clone())))?;
        let id = ufid.map_or_else(|| Id::Key(Box::new(kept.unmasked.clone())), Id::Ufid);
        let put = state.table.put(id, kept, PutMode::Create);
        put.map_err(|errno| state.error(what, errno))
    }

    /// A flow's actions become ones that nobody could put: dumps cannot decode it any more.
    pub fn spoil(&self, ufid: Ufid) {
        if let Some(entry) = self.lock().table.named_mut(ufid) {
            entry.is_spoilt = true;
            entry.actions = Arc::new([]);
        }
    }
}

impl State {
    /// Takes a port out and tells it.
    pub(super) fn remove_port(&mut self, port_no: u32) -> Result<(), Error> {
        let what = What::DeletePort(port_no);
        self.alive(what.clone())?;
        let removed = self.ports.remove(port_no);
        let port = removed.map_err(|errno| self.error(what, errno))?;
        self.happened(DatapathEvent::VportRemoved(port));
        Ok(())
    }
}
