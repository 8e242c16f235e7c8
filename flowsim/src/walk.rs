//! A frame on its way through the stages, and what they share.

use std::ops::ControlFlow;

use weft_flow::Action;
use weft_topology::id::{BridgeId, PortId};
use weft_topology::port::Port;
use weft_topology::{MacAddr, Snapshot, Tag};

use crate::probe::Probe;
use crate::punt::PuntClass;
use crate::reason::Reason;
use crate::trace::What;

/// A stage ends the walk with a reason or lets it go on.
pub(crate) type Flow = ControlFlow<Reason>;

/// What the walk is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// A verdict from the key alone; a local service gets a flow.
    Judge,
    /// The verdict on one packet, with its bytes; a local service answers.
    Serve,
}

/// A frame that entered by a bridge's port.
pub(crate) struct Walk<'w, 'p> {
    pub(crate) snapshot: &'w Snapshot,
    pub(crate) probe: &'w mut Probe<'p>,
    pub(crate) purpose: Purpose,
    /// The port it came in by.
    pub(crate) ingress: &'w Port,
    /// That port's bridge, which need not exist.
    pub(crate) bridge: BridgeId,
    /// Whether the bridge keeps tags.
    pub(crate) vlan_aware: bool,
    /// The frame's VLAN, 0 without a tag.
    pub(crate) vlan: u16,
    /// Whether a priority tag comes off before any output.
    pub(crate) priority_tagged: bool,
    /// The source address, once it is known to be behind the ingress port.
    pub(crate) taught: Option<MacAddr>,
}

impl<'w> Walk<'w, '_> {
    /// The number of a port in the datapath, if it is carried here and the bridge's, and the port. The
    /// tag covers its bridge and its administrative state, too.
    pub(crate) fn port_here(&mut self, id: PortId) -> ControlFlow<Reason, Option<(u32, &'w Port)>> {
        self.probe.tag(Tag::Local(id));
        let snapshot = self.snapshot;
        let Some(local) = snapshot.local_by_port(id) else {
            return ControlFlow::Continue(None);
        };
        let port = self.probe.loaded(id.into(), snapshot.port(id))?;
        let port = port.filter(|port| port.bridge() == Some(self.bridge));
        ControlFlow::Continue(port.map(|port| (local.number, port.as_ref())))
    }

    /// Sends the frame out of a datapath port.
    pub(crate) fn output(&mut self, port: PortId, number: u32) {
        let actions = &mut self.probe.lists.actions;
        if actions.is_empty() && self.priority_tagged {
            actions.push(Action::PopVlan);
        }
        actions.push(Action::Output(number));
        self.probe.step(Some(port.into()), What::Leaves(number));
    }

    /// Brings the frame, as it came, up for a local service.
    pub(crate) fn punt(&mut self, class: PuntClass, reason: Reason) -> Flow {
        self.probe.lists.actions.push(class.action());
        ControlFlow::Break(reason)
    }
}
