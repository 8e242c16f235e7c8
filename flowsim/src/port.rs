//! Where a packet enters.

use std::ops::ControlFlow;

use weft_topology::snapshot::Needs;
use weft_topology::{Snapshot, Tag};

use crate::connection::Connection;
use crate::pass::Pass;
use crate::probe::Probe;
use crate::reason::Reason;
use crate::trace::What;
use crate::walk::{Flow, Purpose, Walk};

/// Finds the bridge's port that a packet came in by.
pub(crate) fn enter<'w, 'p>(
    snapshot: &'w Snapshot,
    probe: &'w mut Probe<'p>,
    purpose: Purpose,
) -> ControlFlow<Reason, Walk<'w, 'p>> {
    let number = probe.in_port();
    let recirc_id = probe.recirc_id();
    let pass = Pass::of(recirc_id);
    if recirc_id != 0 && pass.is_none() {
        return ControlFlow::Break(Reason::NoSuchRecirculation(recirc_id));
    }
    let Some(local) = snapshot.local_by_number(number) else {
        // That nothing is there has no tag, so nothing may be kept of it.
        probe.this_packet_only();
        return ControlFlow::Break(Reason::NoSuchPort(number));
    };
    let id = local.port;
    probe.tag(Tag::Local(id));
    probe.step(Some(id.into()), What::Enters(number));
    let Some(ingress) = probe.loaded(id.into(), snapshot.port(id))? else {
        return ControlFlow::Break(Reason::NotABridgePort(id));
    };
    let Some(bridge) = ingress.bridge() else {
        return ControlFlow::Break(Reason::NotABridgePort(id));
    };
    ControlFlow::Continue(Walk {
        snapshot,
        probe,
        purpose,
        ingress,
        bridge,
        vlan_aware: false,
        vlan: 0,
        priority_tagged: false,
        taught: None,
        zone: local.zone(),
        pass,
        was_fragment: false,
        bridge_filters: (None, None),
        needs: Needs::default(),
        connection: Connection::Unasked,
        is_sent: false,
        is_handed_back: false,
        is_kept: false,
        is_flooded: false,
    })
}

/// Ends at a port that is administratively down.
pub(crate) fn is_up(walk: &mut Walk<'_, '_>) -> Flow {
    if walk.ingress.admin_state_up {
        ControlFlow::Continue(())
    } else {
        ControlFlow::Break(Reason::PortDown(walk.ingress.id))
    }
}
