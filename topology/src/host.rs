//! Hypervisors and the tunnel zones that connect them.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::id::{HostId, Kind, TunnelZoneHostId, TunnelZoneId, derived_id};

/// A hypervisor. What it reports of itself (interfaces, liveness) is state, not topology.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Its id, made by the host itself and kept on its disk.
    pub id: HostId,
    /// Its name, as Neutron's `binding:host_id` has it.
    pub name: String,
    /// Weight in the election of a flooding proxy.
    #[serde(default = "one")]
    pub flooding_proxy_weight: i32,
}

/// A set of hosts that reach one another by tunnels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelZone {
    /// Its id.
    pub id: TunnelZoneId,
    /// A name for people.
    pub name: String,
    /// The encapsulation.
    pub encapsulation: Encapsulation,
}

/// How frames travel between hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encapsulation {
    /// VXLAN (RFC 7348).
    Vxlan,
    /// Geneve (RFC 8926).
    Geneve,
    /// GRE (RFC 2890); known to the API for its clients' sake.
    Gre,
}

/// A host's membership in a tunnel zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelZoneHost {
    /// Derived from zone and host.
    pub id: TunnelZoneHostId,
    /// The zone.
    pub zone: TunnelZoneId,
    /// The host.
    pub host: HostId,
    /// Its underlay address.
    pub addr: IpAddr,
}

impl TunnelZoneHost {
    /// A membership with the id that its key gives.
    pub fn new(zone: TunnelZoneId, host: HostId, addr: IpAddr) -> Self {
        let id = derived_id(Kind::TunnelZoneHost, zone.0, &host.to_string());
        Self {
            id: TunnelZoneHostId(id),
            zone,
            host,
            addr,
        }
    }
}

fn one() -> i32 {
    1
}
