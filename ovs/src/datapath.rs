//! The trait that everything above a datapath is written against, and its vocabulary.

use std::time::Duration;

use weft_flow::{Action, Field, FlowKey, FlowMask, Ufid};

use crate::conntrack::Conntrack;
use crate::error::Error;
use crate::limit::ConnectionLimits;
use crate::meter::Meters;
use crate::monitor::DatapathMonitor;
use crate::upcall::UpcallSource;
use crate::vport::{NewVport, Vport};

/// A handle on one datapath. A thread has its own ([`Datapath::fork`]).
pub trait Datapath: Meters + ConnectionLimits + Send {
    /// Another handle on the same datapath, with sockets of its own. [`Datapath::writes`] counts for
    /// all of them.
    fn fork(&self) -> Result<Box<dyn Datapath>, Error>;

    /// A new socket for upcalls, with a receive buffer of so many bytes.
    fn upcall_socket(&self, receive_buffer: usize) -> Result<Box<dyn UpcallSource>, Error>;

    /// Follows what others do to the datapath from now on.
    fn monitor(&self) -> Result<Box<dyn DatapathMonitor>, Error>;

    /// Opens the table of connections that its flows commit: its network namespace's, which must be the calling
    /// thread's.
    fn conntrack(&self) -> Result<Box<dyn Conntrack>, Error>;

    /// The datapath's state and counters.
    fn info(&mut self) -> Result<DatapathInfo, Error>;

    /// All ports, the datapath's own internal device (number 0) among them.
    fn ports(&mut self) -> Result<Vec<Vport>, Error>;

    /// Adds a port and says what the datapath made of it.
    fn add_port(&mut self, port: &NewVport) -> Result<Vport, Error>;

    /// Sets the sockets that get a port's upcalls; empty: it has none. The kernel refuses (EINVAL) more than
    /// the machine can have processors (`nr_cpu_ids`), which is not less than it has.
    fn set_upcall_pids(&mut self, port_no: u32, pids: &[u32]) -> Result<(), Error>;

    /// Deletes a port. Flows that name it stay.
    fn delete_port(&mut self, port_no: u32) -> Result<(), Error>;

    /// Visits every flow. A flow may be visited twice, and one that is put or deleted meanwhile may
    /// be visited or not. Starts again when the kernel calls the dump interrupted.
    fn flows(&mut self, visit: &mut dyn FnMut(Result<DumpedFlow, BadFlow>)) -> Result<(), Error>;

    /// Visits every flow with no more than names it and what it has seen, which costs a fraction of
    /// [`Datapath::flows`]; else the same. A flow that has an id need not be understood to be visited.
    fn usage(&mut self, visit: &mut dyn FnMut(Result<FlowUsage, BadFlow>)) -> Result<(), Error>;

    /// One flow, if it is there.
    fn flow(&mut self, ufid: Ufid) -> Result<Option<DumpedFlow>, Error>;

    /// Does the operations in their order, in batches of up to 50 a system call, and puts one result
    /// each into `results` (which is emptied first). One that fails does not keep the others from
    /// being done: put a packet's flows before its execute.
    fn apply(&mut self, ops: &[Op<'_>], results: &mut Vec<Result<OpReply, Error>>);

    /// What was written so far by this handle, the one it was forked from, and all their forks.
    fn writes(&self) -> Writes;
}

/// An operation in a batch.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Op<'a> {
    /// Puts a flow.
    Put {
        /// Its id.
        ufid: Ufid,
        /// The key.
        key: &'a FlowKey,
        /// Which bits of the key count.
        mask: &'a FlowMask,
        /// What happens to its packets; empty drops them.
        actions: &'a [Action],
        /// Whether it may be there.
        mode: PutMode,
    },
    /// Replaces the actions of a flow that is there. Answers with its statistics up to then
    /// ([`OpReply::Stats`]).
    SetActions {
        /// Its id.
        ufid: Ufid,
        /// The key: actions are checked against it, and it is not compared with the flow's. A dump's will
        /// do, and so will the packet's.
        key: &'a FlowKey,
        /// Which bits of the key count.
        mask: &'a FlowMask,
        /// What happens to its packets from now on.
        actions: &'a [Action],
        /// Whether its statistics begin again at nothing (`OVS_FLOW_ATTR_CLEAR`) or go on.
        anew: bool,
    },
    /// Deletes a flow; answers with its last statistics ([`OpReply::Stats`]).
    Delete {
        /// Its id.
        ufid: Ufid,
    },
    /// Deletes a flow that somebody put without an id; answers with its last statistics.
    DeleteUnnamed {
        /// Its key, as it was dumped.
        key: &'a FlowKey,
    },
    /// Sends a packet through actions.
    Execute {
        /// The frame.
        packet: &'a [u8],
        /// The attributes of its key ([`Upcall::key_attrs`](crate::Upcall::key_attrs)).
        key_attrs: &'a [u8],
        /// What happens to it.
        actions: &'a [Action],
        /// The upcall's MRU.
        mru: Option<u16>,
        /// The upcall's hash.
        hash: Option<u64>,
    },
}

/// Whether a flow that is put may be there already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PutMode {
    /// It must not be there: else [`Error::FlowExists`] with EEXIST.
    Create,
    /// If it is there, its actions are replaced; its id, mask and statistics stay.
    ///
    /// Which flow is meant the kernel finds by the id, and where no flow has that, by looking up the key as
    /// if it were a packet's. The masked key of the flow that it finds must then equal the key as given:
    /// else [`Error::FlowExists`] with ENOENT, and the flow stays as it was. So a packet's key will not do
    /// where it has bits outside of the mask, another id will, and the mask is not compared. To replace the
    /// actions of a flow whose id is known, [`Op::SetActions`] is the way.
    CreateOrModify,
}

/// What a successful operation answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpReply {
    /// It is done.
    Done,
    /// It is done, and these were the flow's last statistics.
    Stats(FlowStats),
}

/// A flow as it stands in the datapath.
#[derive(Clone, PartialEq, Debug)]
pub struct DumpedFlow {
    /// Its id; absent when somebody put it without one.
    pub ufid: Option<Ufid>,
    /// Its key.
    pub key: FlowKey,
    /// Which bits of the key count.
    pub mask: FlowMask,
    /// What happens to its packets.
    pub actions: Vec<Action>,
    /// What it has seen.
    pub stats: FlowStats,
}

impl DumpedFlow {
    /// The same in brief.
    pub fn usage(&self) -> FlowUsage {
        FlowUsage {
            name: match self.ufid {
                Some(ufid) => FlowName::Ufid(ufid),
                None => FlowName::Key(Box::new(self.key.clone())),
            },
            in_port: self.key.u32(Field::InPort),
            stats: self.stats,
        }
    }
}

/// What a flow has seen, with what names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FlowUsage {
    /// By what it can be deleted.
    pub name: FlowName,
    /// The port that its packets come in by; absent: any, or it is not understood.
    pub in_port: Option<u32>,
    /// What it has seen.
    pub stats: FlowStats,
}

/// By what a flow can be deleted.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum FlowName {
    /// Its id.
    Ufid(Ufid),
    /// Its key: somebody put it without an id.
    Key(Box<FlowKey>),
}

/// A flow in a dump that could not be decoded.
#[derive(Debug)]
pub struct BadFlow {
    /// Its id, by which it can be deleted.
    pub ufid: Option<Ufid>,
    /// Its key, if that could be decoded: a flow without id can be deleted by it.
    pub key: Option<Box<FlowKey>>,
    /// What is wrong with it.
    pub error: Error,
}

/// What a flow has seen.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct FlowStats {
    /// Packets that matched.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Time since the last of them; absent when there was none.
    pub idle: Option<Duration>,
    /// All TCP flags seen.
    pub tcp_flags: u8,
}

/// A datapath's state and counters (`struct ovs_dp_stats`, `struct ovs_dp_megaflow_stats`).
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct DatapathInfo {
    /// Name of its own internal device.
    pub name: String,
    /// Index of that device.
    pub ifindex: u32,
    /// What userspace asked for (`OVS_DP_F_*`).
    pub user_features: u32,
    /// Packets that matched a flow.
    pub hits: u64,
    /// Packets that matched none.
    pub missed: u64,
    /// Upcalls that could not be queued.
    pub lost: u64,
    /// Flows.
    pub flows: u64,
    /// Masks looked at for all packets so far.
    pub mask_hits: u64,
    /// Different masks among the flows.
    pub masks: u32,
}

/// Netlink writes by kind, whether they succeeded or not.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Writes {
    /// Flows put.
    pub puts: u64,
    /// Actions replaced.
    pub set_actions: u64,
    /// Flows deleted.
    pub deletes: u64,
    /// Packets executed.
    pub executes: u64,
    /// Ports added, changed, deleted.
    pub ports: u64,
    /// Changes of the datapath itself.
    pub datapath: u64,
    /// System calls that carried flow and packet operations.
    pub batches: u64,
}
