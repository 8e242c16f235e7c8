//! A frame on its way through the stages, and what they share.

use std::ops::ControlFlow;

use weft_flow::Action;
use weft_topology::id::{BridgeId, ChainId, PortId, RuleId};
use weft_topology::port::Port;
use weft_topology::snapshot::Needs;
use weft_topology::{LocalPort, MacAddr, Snapshot, Tag};

use crate::connection::{self, Connection};
use crate::filter::{self, Verdict};
use crate::kept;
use crate::metered::Metered;
use crate::outcome::Held;
use crate::pass::Pass;
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
    /// The ingress port's zone.
    pub(crate) zone: u16,
    /// The pass, unless it is the first.
    pub(crate) pass: Option<Pass>,
    /// Whether the packet came in fragments that were put together.
    pub(crate) was_fragment: bool,
    /// The chains of the bridge, inbound and outbound.
    pub(crate) bridge_filters: (Option<ChainId>, Option<ChainId>),
    /// What the rules that may judge the ingress port's packets ask.
    pub(crate) needs: Needs,
    /// What is known of its connection.
    pub(crate) connection: Connection,
    /// Whether it has left by a port.
    pub(crate) is_sent: bool,
    /// Whether a service was given the packet and did not take it.
    pub(crate) is_handed_back: bool,
    /// Whether rules deny it, and it goes on because its connection was admitted.
    pub(crate) is_kept: bool,
    /// Whether it goes to all ports.
    pub(crate) is_flooded: bool,
}

/// Whether a packet was let out of a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sent {
    /// It was.
    Out,
    /// It was not, for this reason.
    Held(Reason),
    /// A rule rejects it.
    Rejected(RuleId),
}

impl<'w> Walk<'w, '_> {
    /// How the datapath carries a port, if it is carried here and the bridge's, and the port. The tag covers its
    /// bridge and its administrative state, too.
    pub(crate) fn port_here(
        &mut self,
        id: PortId,
    ) -> ControlFlow<Reason, Option<(&'w LocalPort, &'w Port)>> {
        self.probe.tag(Tag::Local(id));
        let snapshot = self.snapshot;
        let Some(local) = snapshot.local_by_port(id) else {
            return ControlFlow::Continue(None);
        };
        let port = self.probe.loaded(id.into(), snapshot.port(id))?;
        let port = port.filter(|port| port.bridge() == Some(self.bridge));
        ControlFlow::Continue(port.map(|port| (local, port.as_ref())))
    }

    /// Sends the frame out of a port, if chains let it. What keeps it back there keeps it back nowhere else.
    pub(crate) fn send(&mut self, port: &'w Port, local: &LocalPort) -> ControlFlow<Reason, Sent> {
        let sent = match self.pass(port, local) {
            ControlFlow::Break(reason) if reason.is_drop() => Sent::Held(reason),
            ControlFlow::Break(reason) => return ControlFlow::Break(reason),
            ControlFlow::Continue(sent) => sent,
        };
        let reason = match sent {
            Sent::Out => return ControlFlow::Continue(sent),
            Sent::Held(reason) => reason,
            Sent::Rejected(rule) => Reason::Rejected(rule),
        };
        self.hold_back(port.id, reason);
        ControlFlow::Continue(sent)
    }

    /// Notes that the frame does not leave by a port, though it is for it.
    pub(crate) fn hold_back(&mut self, port: PortId, reason: Reason) {
        self.probe.step(Some(port.into()), What::HeldBack);
        self.probe.lists.held.push(Held { port, reason });
    }

    fn pass(&mut self, port: &'w Port, local: &LocalPort) -> ControlFlow<Reason, Sent> {
        let needs = connection::needs(self, port)?;
        connection::at_egress(self, port, local.zone(), needs)?;
        match filter::outbound(self, port)? {
            Verdict::Accept => {}
            _ if !self.is_flooded && kept::is_kept(self) => {}
            Verdict::Drop(rule) => return ControlFlow::Break(Reason::Filtered(rule)),
            Verdict::Reject(rule) => return ControlFlow::Continue(Sent::Rejected(rule)),
        }
        if self.priority_tagged && !self.is_sent {
            self.probe.lists.actions.push(Action::PopVlan);
        }
        connection::enter_tables(self, local.zone(), needs);
        self.is_sent = true;
        self.probe.lists.actions.push(Action::Output(local.number));
        let step = What::Leaves(local.number);
        self.probe.step(Some(port.id.into()), step);
        ControlFlow::Continue(Sent::Out)
    }

    /// Brings the frame, as it came, up for a local service.
    pub(crate) fn punt(&mut self, class: PuntClass, reason: Reason) -> Flow {
        let number = self.probe.in_port();
        let meter = Metered::Punt(class).action(number);
        self.probe.lists.actions.extend([meter, class.action()]);
        ControlFlow::Break(reason)
    }
}
