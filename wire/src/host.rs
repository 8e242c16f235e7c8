//! What a host tells the service of itself.

use serde::{Deserialize, Serialize};
use weft_topology::MacAddr;
use weft_topology::id::PortId;
use weft_topology::policy::Established;

/// `PUT /weft/v1/hosts/ID`: a host says that it is there. Renews its lease of [`LEASE_SECONDS`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Its name, as Neutron's `binding:host_id` has it.
    pub name: String,
    /// The agent's version, for people.
    pub version: String,
    /// Newest version of this protocol that the agent speaks.
    pub protocol: u32,
}

/// Answer to a [`Registration`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// Newest version of this protocol that the service speaks.
    pub protocol: u32,
    /// Names the store: a revision means something only together with it. Sent back as `store=` with
    /// a watch's `revision=`, it keeps a host from continuing in a store that was made anew.
    pub store: String,
    /// What removing a rule does to connections that it admitted. A service of one version before does not say: they
    /// are cut.
    #[serde(default)]
    pub established: Established,
}

/// Version of the protocol between agent and service. They may differ by one.
pub const PROTOCOL: u32 = 1;

/// A host that has not been heard of for so long counts as dead.
pub const LEASE_SECONDS: u64 = 10;

/// `POST /weft/v1/hosts/ID/state`: what is on the host. Whole each time; renews the lease.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateReport {
    /// The newest revision whose objects are in the snapshot, whose flows are in the kernel and
    /// whose lost connections are cut.
    pub revision: u64,
    /// The ports that the kernel carries, and those that it should.
    #[serde(default)]
    pub bindings: Vec<BindingState>,
    /// The host's network interfaces.
    #[serde(default)]
    pub interfaces: Vec<Interface>,
}

/// How far a binding is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingState {
    /// The virtual port.
    pub port: PortId,
    /// The interface.
    pub interface: String,
    /// How far it is.
    pub phase: BindingPhase,
    /// What is in the way, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The life of a binding on its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BindingPhase {
    /// The port is not known yet, or the service has not decided who has it.
    Requested,
    /// The interface is not there.
    WaitingForInterface,
    /// The kernel confirmed the vport: frames are served.
    Active,
    /// The kernel or the service refused it; `problem` says why.
    Failed,
    /// Said by a neighbour that is newer, and not known here.
    #[serde(other)]
    Unknown,
}

/// A network interface of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its MAC, if it has one.
    pub mac: Option<MacAddr>,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// Whether it is administratively up.
    pub up: bool,
    /// Whether it has a carrier.
    pub carrier: bool,
    /// What it is, as the kernel calls it: `tun`, `veth`, `vxlan`, … ; empty for hardware.
    pub kind: String,
    /// Its addresses with prefix length.
    #[serde(default)]
    pub addresses: Vec<String>,
}

/// `POST /weft/v1/hosts/ID/bindings`: a host asks for a port. 201 with a [`BindingAnswer`] when it has
/// it (again, too); 404 when there is no such port; 409 when another interface of the same host has it
/// and is there. A port that another host has moves here; the other host learns it from its watch.
///
/// `DELETE /weft/v1/hosts/ID/bindings/PORT` gives a port back: 200 with a [`BindingAnswer`], also when
/// the host does not have it or there is no such port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingRequest {
    /// The virtual port.
    pub port: PortId,
    /// The interface on this host.
    pub interface: String,
}

/// What the service made of a [`BindingRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingAnswer {
    /// A revision at which it was so: a snapshot of it or a later one shows what became of it.
    pub revision: u64,
}

/// `GET /weft/v1/ports?prefix=HEX`: the ports whose ids begin with a prefix of at least 8 characters,
/// at most two of them (more than one is as good as none).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortsFound {
    /// Their ids.
    pub ports: Vec<PortId>,
}
