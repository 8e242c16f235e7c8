//! The stages of layer 2 in their order. What no stage decides is flooded.
//!
//! Each neighbouring pair matters: exchanged, some frame gets another verdict. A test does exchange
//! them and asks the reference evaluator.

use crate::walk::{Flow, Walk};
use crate::{arp, bridge, connection, dhcp, ethernet, filter, port, security, vlan};

/// A step that may decide.
pub(crate) type Stage = fn(&mut Walk<'_, '_>) -> Flow;

/// All of them but the last, [`flood`](crate::flood::to_all_others), which always decides.
pub(crate) const STAGES: &[Stage] = &[
    port::is_up,
    bridge::is_up,
    ethernet::source_is_a_station,
    ethernet::is_no_control_frame,
    vlan::classify,
    security::check,
    dhcp::is_for_server,
    connection::at_ingress,
    filter::inbound,
    bridge::learn,
    arp::is_answered,
    dhcp::sink,
    bridge::look_up,
];
