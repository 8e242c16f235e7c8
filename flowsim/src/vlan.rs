//! Which VLAN a frame is in.
//!
//! A priority tag (VLAN 0) at the outside says nothing about the VLAN: the frame is judged, and sent on,
//! without it. Only one comes off, so that a stack of them hides nothing. On a bridge without VLANs any other
//! tag ends the frame; on a bridge with VLANs the outer tag names it, and what is inside is the
//! guests' own business.

use std::ops::ControlFlow;

use weft_flow::Field;
use weft_flow::present::{VLAN_PRESENT, ethertype};

use crate::probe::Probe;
use crate::reason::Reason;
use crate::trace::What;
use crate::walk::{Flow, Walk};

const VLAN_ID: u128 = 0x0fff;
/// Reserved (IEEE 802.1Q table 9-2).
const LAST_VLAN: u16 = 4095;

/// The fields of one tag.
struct Tag {
    tci: Field,
    tpid: Field,
}

const OUTER: Tag = Tag {
    tci: Field::VlanTci,
    tpid: Field::VlanTpid,
};
const INNER: Tag = Tag {
    tci: Field::InnerVlanTci,
    tpid: Field::InnerVlanTpid,
};

/// What a tag is like.
enum Shape {
    None,
    CutShort,
    Whole,
}

impl Tag {
    fn shape(&self, probe: &mut Probe<'_>) -> Shape {
        match probe.read_bits(self.tci, VLAN_PRESENT.into()) {
            None => Shape::None,
            Some(0) => Shape::CutShort,
            Some(_) => Shape::Whole,
        }
    }

    fn is_priority_tag(&self, probe: &mut Probe<'_>) -> bool {
        matches!(self.shape(probe), Shape::Whole)
            && probe.is_in(self.tci, 0, VLAN_ID)
            && probe.is(self.tpid, ethertype::VLAN.into())
    }

    /// The VLAN that the tag names, if it is a whole 802.1Q tag of one.
    fn vlan(&self, probe: &mut Probe<'_>) -> Option<u16> {
        if !matches!(self.shape(probe), Shape::Whole)
            || !probe.is(self.tpid, ethertype::VLAN.into())
        {
            return None;
        }
        let vlan = u16::try_from(probe.read_bits(self.tci, VLAN_ID)?).ok()?;
        (1..LAST_VLAN).contains(&vlan).then_some(vlan)
    }
}

/// Finds the frame's VLAN, or ends it.
pub(crate) fn classify(walk: &mut Walk<'_, '_>) -> Flow {
    let bridge = walk.bridge;
    let probe = &mut *walk.probe;
    walk.priority_tagged = OUTER.is_priority_tag(probe);
    if walk.priority_tagged {
        probe.step(None, What::PriorityTagOff);
    }
    let tag = if walk.priority_tagged { INNER } else { OUTER };
    walk.vlan = match tag.shape(probe) {
        Shape::None => 0,
        _ if !walk.vlan_aware => return ControlFlow::Break(Reason::Tagged(bridge)),
        _ => match tag.vlan(probe) {
            Some(vlan) => {
                // What is inside is where the kernel looks for it only if the tags are these.
                if !walk.priority_tagged {
                    let _ = INNER.shape(probe);
                }
                vlan
            }
            None => return ControlFlow::Break(Reason::BadTag(bridge)),
        },
    };
    probe.step(None, What::InVlan(walk.vlan));
    ControlFlow::Continue(())
}
