//! Routers and routes.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::id::{ChainId, PortId, RouteId, RouterId};

/// A virtual layer 3 router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Router {
    /// Its id.
    pub id: RouterId,
    /// The tenant that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// A name for people; need not be unique.
    #[serde(default)]
    pub name: String,
    /// When false the router forwards and answers nothing.
    pub admin_state_up: bool,
    /// Chain before routing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound_filter: Option<ChainId>,
    /// Chain after routing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbound_filter: Option<ChainId>,
    /// Chain that only forwarded packets pass, before the outbound one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_filter: Option<ChainId>,
    /// Chain for packets addressed to the router itself, before the inbound one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_redirect: Option<ChainId>,
}

/// A route of a router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Its id.
    pub id: RouteId,
    /// The router that it belongs to.
    pub router: RouterId,
    /// Packets from here; of the same family as `destination`.
    pub source: IpNet,
    /// Packets to here.
    pub destination: IpNet,
    /// What happens to them.
    pub next_hop: NextHop,
    /// Among routes of equal prefix the least weight wins; equal ones share the traffic by flow.
    pub weight: u32,
    /// Whether a routing protocol found it.
    #[serde(default)]
    pub learned: bool,
}

/// What a route does with a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum NextHop {
    /// Out of a port, to the gateway or, without one, to the destination itself.
    Port {
        /// A port of this router.
        port: PortId,
        /// The neighbour that takes it from there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gateway: Option<IpAddr>,
    },
    /// The router itself is addressed.
    Local,
    /// Dropped in silence.
    Blackhole,
    /// Dropped, and the sender is told.
    Reject,
}
