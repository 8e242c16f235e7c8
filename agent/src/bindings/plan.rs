//! The steps from what is so to what should be.

use std::collections::BTreeMap;

use weft_topology::id::PortId;
use weft_wire::host::BindingPhase;

use super::{Carried, Desired};
use crate::links::LinkTable;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Takes a port out of the datapath.
    Release {
        /// The port.
        port: PortId,
    },
    /// Puts a port into the datapath.
    Carry {
        /// The port.
        port: PortId,
        /// By which interface.
        desired: Desired,
    },
    /// Sets another MTU on the interface of a port that is carried.
    SetMtu {
        /// The port.
        port: PortId,
        /// In bytes.
        mtu: u32,
    },
    /// Sets the interface of a port that is carried up again.
    SetUp {
        /// The port.
        port: PortId,
    },
}

/// The steps, in their order: what has to go goes first, for an interface may move from one port to another.
pub fn plan(
    desired: &BTreeMap<PortId, Desired>,
    links: &LinkTable,
    carried: &BTreeMap<PortId, Carried>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let stays = |port: &PortId, is: &Carried| {
        desired
            .get(port)
            .is_some_and(|want| want.interface == is.interface)
            && links
                .get(&is.interface)
                .is_some_and(|link| link.index == is.ifindex)
    };
    for (&port, is) in carried {
        if !stays(&port, is) {
            steps.push(Step::Release { port });
        }
    }
    for (&port, want) in desired {
        match carried.get(&port).filter(|is| stays(&port, is)) {
            Some(is) => {
                let Some(link) = links.get(&is.interface) else {
                    continue;
                };
                let was_refused = |mtu| is.mtu == Some(mtu) && is.mtu_before == Some(link.mtu);
                let wrong = want
                    .mtu
                    .filter(|mtu| *mtu != link.mtu && !was_refused(*mtu));
                steps.extend(wrong.map(|mtu| Step::SetMtu { port, mtu }));
                if !link.up {
                    steps.push(Step::SetUp { port });
                }
            }
            None if links.get(&want.interface).is_some() => steps.push(Step::Carry {
                port,
                desired: want.clone(),
            }),
            None => {}
        }
    }
    steps
}

/// How far a port is that should be carried.
pub fn phase(
    port: PortId,
    want: &Desired,
    links: &LinkTable,
    carried: &BTreeMap<PortId, Carried>,
    failed: bool,
) -> BindingPhase {
    match carried.get(&port) {
        Some(is) if is.interface == want.interface => BindingPhase::Active,
        _ if failed => BindingPhase::Failed,
        _ if links.get(&want.interface).is_none() => BindingPhase::WaitingForInterface,
        _ => BindingPhase::Requested,
    }
}
