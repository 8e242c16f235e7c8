//! The agent's control socket: newline-delimited JSON, one [`Request`] a connection, answered by a
//! stream of [`Reply`] lines of which the last is `done` or `error`.

use serde::{Deserialize, Serialize};
use weft_topology::Change;
use weft_topology::id::PortId;
use weft_topology::policy::Established;

use crate::host::BindingPhase;

/// Version of the messages on the control socket.
pub const VERSION: u32 = 1;

/// A request with the version of its sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// [`VERSION`] of the sender.
    pub v: u32,
    /// What is asked.
    #[serde(flatten)]
    pub verb: Verb,
}

/// What can be asked of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Verb {
    /// Bind an interface to a port; `done` carries a [`PlugResult`] once the kernel has the vport.
    Plug {
        /// The virtual port.
        port: PortId,
        /// The interface, which exists.
        interface: String,
        /// MTU to set on it; absent: the network's.
        #[serde(default)]
        mtu: Option<u16>,
        /// How long to wait for the kernel, in milliseconds.
        timeout_ms: u64,
    },
    /// Release whatever port an interface is bound to. An unknown interface is no error.
    Unplug {
        /// The interface.
        interface: String,
    },
    /// Release a port from whatever interface of this host it is bound to.
    UnbindPort {
        /// The virtual port.
        port: PortId,
    },
    /// The bindings of this host: one [`BindingInfo`] an item.
    Bindings,
    /// The one port whose id begins with a prefix; `done` carries the id.
    FindPort {
        /// At least 8 characters of the id.
        prefix: String,
    },
    /// The agent's state; `done` carries a [`Status`].
    Status,
    /// The kernel's flows with names for numbers: one [`FlowInfo`] an item.
    Flows {
        /// Only those that come in by this port.
        #[serde(default)]
        port: Option<PortId>,
    },
    /// Dropped packets: one [`DropInfo`] an item.
    Drops {
        /// Only those that came in by this port.
        #[serde(default)]
        port: Option<PortId>,
    },
    /// The last drops of a port and why; `done` carries a [`WhyResult`](crate::why::WhyResult).
    Why {
        /// The virtual port.
        port: PortId,
    },
    /// The learned MAC addresses: one [`LearnedInfo`] an item.
    Learned,
    /// Ports that the kernel carries, with their counters: one [`PortInfo`] an item.
    Ports,
    /// Show what is logged, or change it until the next start; `done` carries a
    /// [`LogChange`](crate::log::LogChange).
    LogLevel {
        /// What is logged from now on; absent: as it is.
        #[serde(default)]
        filter: Option<String>,
    },
    /// Frames that pass a port, as they pass: one [`CapturedFrame`] an item; `done` carries a
    /// [`CaptureResult`].
    Capture {
        /// The virtual port, which this host carries.
        port: PortId,
        /// Bytes of each frame that are wanted, at most.
        snaplen: u32,
        /// End after so many frames; absent: never.
        #[serde(default)]
        frames: Option<u64>,
        /// End after so many milliseconds; absent: never.
        #[serde(default)]
        milliseconds: Option<u64>,
    },
    /// Walk a packet through the topology; `done` carries a [`TraceResult`].
    Trace {
        /// Where it comes in.
        port: PortId,
        /// The frame's bytes in hex.
        frame: String,
        /// What the connection table says where it is asked; absent: what the frame looks like.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connection: Option<Connection>,
    },
    /// What changes of the topology would cut on this host: one [`Impact`](crate::impact::Impact) an item; `done`
    /// carries an [`ImpactResult`](crate::impact::ImpactResult). Nothing is changed.
    Impact {
        /// The changes, with the objects that they lead to and that this host may not follow.
        changes: Vec<Change>,
        /// A flow that no packet has met for so many milliseconds is left out.
        traffic_ms: u64,
    },
}

/// What a connection table may say of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// It begins a connection.
    New,
    /// It goes the way of the packet that began one.
    Established,
    /// It goes the other way.
    Reply,
    /// It is an ICMP error about one.
    Related,
    /// It fits none, and may not begin one.
    Invalid,
}

/// One line of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// One of several.
    Item(serde_json::Value),
    /// The end, with a result where the verb has one.
    Done(serde_json::Value),
    /// The request was refused or failed.
    Error(Failure),
}

/// Why a request was refused or failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// For programs.
    pub code: FailureCode,
    /// For people: what was attempted, what was in the way, what to do.
    pub message: String,
}

/// Kinds of failures, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The request is not of this protocol, or its values are not.
    BadRequest,
    /// The sender may not ask this.
    Forbidden,
    /// There is no such port, interface or object.
    NotFound,
    /// Something else has it.
    Conflict,
    /// It did not happen in the time given.
    TimedOut,
    /// The topology service or the kernel is needed and does not answer.
    Unavailable,
    /// A defect or an unexpected answer of the kernel; also what a newer agent says and is not known here.
    #[serde(other)]
    Internal,
}

/// Answer to [`Verb::Plug`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlugResult {
    /// The datapath's number of the vport.
    pub number: u32,
    /// The MTU that the interface has now.
    pub mtu: u32,
}

/// A binding of this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingInfo {
    /// The interface.
    pub interface: String,
    /// The virtual port.
    #[serde(rename = "portId")]
    pub port: PortId,
    /// How far it is.
    pub state: BindingPhase,
    /// The datapath's number of the vport, once active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// What is in the way, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The agent's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Its version.
    pub version: String,
    /// The host's id.
    pub host_id: String,
    /// The host's name.
    pub host_name: String,
    /// The datapath's name.
    pub datapath: String,
    /// Seconds since the agent started.
    pub uptime_seconds: u64,
    /// The service it talks to, if it does.
    pub api: Option<String>,
    /// Seconds since the service was last heard of; absent: never.
    pub api_silence_seconds: Option<u64>,
    /// Revision of the snapshot in use.
    pub revision: u64,
    /// Revision in force in the kernel.
    pub revision_in_force: u64,
    /// What removing a rule does to connections that it admitted.
    #[serde(default)]
    pub established: Established,
    /// Bindings by phase.
    pub bindings_active: usize,
    /// Bindings that are not active.
    pub bindings_pending: usize,
    /// Flows in the kernel that the agent knows.
    pub flows: usize,
    /// Counters by name, such as `upcalls`, `upcalls_lost`, `flow_writes`.
    pub counters: std::collections::BTreeMap<String, u64>,
}

/// A flow of the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowInfo {
    /// Its UFID in hex.
    pub ufid: String,
    /// Key and mask in the kernel's text form.
    pub matches: String,
    /// Actions in the kernel's text form.
    pub actions: String,
    /// Key, mask and actions with names of ports and bridges for numbers.
    pub summary: String,
    /// The virtual port that its packets come in by.
    pub in_port: Option<PortId>,
    /// Packets that met it.
    pub packets: u64,
    /// Bytes of those packets.
    pub bytes: u64,
    /// Milliseconds since the last one; absent: none yet.
    pub idle_ms: Option<u64>,
    /// Why it does what it does.
    pub reason: String,
}

/// Packets dropped for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DropInfo {
    /// The virtual port that they came in by; absent: not known.
    pub port: Option<PortId>,
    /// The reason's name.
    pub reason: String,
    /// How many.
    pub packets: u64,
}

/// A port that the kernel carries, with its counters. In is from the port's machine, out is to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortInfo {
    /// The virtual port.
    pub port: PortId,
    /// Its interface.
    pub interface: String,
    /// Packets that came in.
    pub packets_in: u64,
    /// Packets that went out.
    pub packets_out: u64,
    /// Bytes that came in.
    pub bytes_in: u64,
    /// Bytes that went out.
    pub bytes_out: u64,
    /// Packets that the interface lost, either way.
    pub lost: u64,
    /// Packets that came in and were dropped by a verdict, or by the agent.
    pub dropped: u64,
    /// Upcalls that the agent has read since it started.
    pub upcalls: u64,
    /// Flows in the kernel whose packets come in by it.
    pub flows: u64,
}

/// A frame that passed a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CapturedFrame {
    /// Nanoseconds since 1970 when the kernel saw it.
    pub time: u64,
    /// Whether the port's machine sent it; else it was sent to the machine.
    pub is_in: bool,
    /// Its length in bytes.
    pub length: u32,
    /// Its first bytes in hex.
    pub frame: String,
    /// Frames so far that the capture lost, because whoever asked for it reads too slowly.
    pub lost: u64,
}

/// The end of a capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureResult {
    /// Frames that were captured.
    pub frames: u64,
    /// Frames that the capture lost.
    pub lost: u64,
}

/// A learned MAC address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LearnedInfo {
    /// The bridge.
    pub bridge: String,
    /// VLAN id, 0 for untagged.
    pub vlan: u16,
    /// The address.
    pub mac: String,
    /// Where it is.
    pub port: PortId,
    /// Seconds since it was last used.
    pub idle_seconds: u64,
}

/// A packet's walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceResult {
    /// What it met, in order.
    pub steps: Vec<TraceStep>,
    /// The outcome's reason by name.
    pub reason: String,
    /// Interfaces that a copy leaves by.
    pub outputs: Vec<String>,
    /// The flow that the kernel would get: key and mask in its text form; absent: none.
    pub flow: Option<String>,
    /// Its actions in the kernel's text form.
    pub actions: String,
    /// How often the packet would be looked up again.
    pub recirculations: u32,
    /// The flows of all its passes, in their order; the first is `flow` and `actions` again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<TracePass>,
}

/// One pass of a packet through the kernel's flow table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TracePass {
    /// The flow that the kernel would get; absent: none.
    pub flow: Option<String>,
    /// Its actions.
    pub actions: String,
}

/// One thing that a packet met on its walk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceStep {
    /// The object, such as `bridge/UUID`; empty for the packet itself.
    pub object: String,
    /// The object's name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What happened there.
    pub what: String,
}
