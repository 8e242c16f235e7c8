//! Addresses that no frame may have.

use std::ops::ControlFlow;

use weft_flow::Field;

use crate::reason::Reason;
use crate::walk::{Flow, Walk};

/// 01:80:c2:00:00:00 to 0f: frames between neighbouring bridges (IEEE 802.1Q §8.6.3).
const CONTROL: u128 = 0x0180_c200_0000;
const CONTROL_BITS: u128 = 0xffff_ffff_fff0;

/// Ends where the source is a group: no station sends such.
pub(crate) fn source_is_a_station(walk: &mut Walk<'_, '_>) -> Flow {
    let port = walk.ingress.id;
    match walk.probe.is_group(Field::EthSrc) {
        None => ControlFlow::Break(Reason::NoEthernet(port)),
        Some(true) => ControlFlow::Break(Reason::SourceIsGroup(port)),
        Some(false) => ControlFlow::Continue(()),
    }
}

/// Ends a frame that was meant for the next bridge only, which is this one.
pub(crate) fn is_no_control_frame(walk: &mut Walk<'_, '_>) -> Flow {
    if walk.probe.is_in(Field::EthDst, CONTROL, CONTROL_BITS) {
        return ControlFlow::Break(Reason::LinkLocalControl(walk.bridge));
    }
    ControlFlow::Continue(())
}
