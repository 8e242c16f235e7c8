//! Writes to the kernel, gathered and sent in one system call for up to 50.
//!
//! A flow's key, mask and actions stand in the flow table; frames and the actions of packets are copied
//! into arenas that are used again.

use std::ops::Range;

use smallvec::SmallVec;
use weft_flow::{Action, FlowKey, Ufid};
use weft_ovs::{FlowStats, Op, PutMode};

use super::ports::set_pid;
use crate::flows::table::FlowTable;

/// A write that waits for the batch to be sent.
#[derive(Debug)]
pub(super) enum Write {
    /// Put the flow that stands in the table.
    Put(Ufid),
    /// Replace the actions by those in the table; what the flow had seen when last looked at, whose drops
    /// its packets were until now, and whether the kernel counts anew from now on.
    SetActions {
        ufid: Ufid,
        seen: FlowStats,
        drops: Option<DropsOf>,
        anew: bool,
    },
    /// Delete a flow; what it had seen when last looked at, and whose drops its packets are.
    Delete {
        ufid: Ufid,
        seen: FlowStats,
        drops: Option<DropsOf>,
    },
    /// Delete a flow that has no id.
    DeleteUnnamed(Box<FlowKey>),
    /// Send a packet.
    Execute(Execute),
}

/// Whose drops the packets of a flow are.
pub(super) type DropsOf = (Option<weft_topology::id::PortId>, weft_flowsim::Reason);

/// A packet in the arenas.
#[derive(Debug)]
pub(super) struct Execute {
    packet: Range<usize>,
    key_attrs: Range<usize>,
    actions: Range<usize>,
    mru: Option<u16>,
    hash: Option<u64>,
}

/// The writes of one batch.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) writes: Vec<Write>,
    bytes: Vec<u8>,
    actions: Vec<Action>,
    /// Memory of a batch that was sent.
    spare: Vec<Write>,
}

/// What a batch comes to as a rule stands on the stack; a change of the topology may bring more.
const USUAL: usize = 64;

impl Batch {
    pub(super) fn push(&mut self, write: Write) {
        self.writes.push(write);
    }

    /// Adds a packet.
    pub(super) fn execute(
        &mut self,
        packet: &[u8],
        key_attrs: &[u8],
        actions: &[Action],
        back: (Option<u16>, Option<u64>),
    ) {
        let packet = append(&mut self.bytes, packet);
        let key_attrs = append(&mut self.bytes, key_attrs);
        let actions = append(&mut self.actions, actions);
        let (mru, hash) = back;
        self.push(Write::Execute(Execute {
            packet,
            key_attrs,
            actions,
            mru,
            hash,
        }));
    }

    /// Gives the last packet's userspace actions their socket.
    pub(super) fn set_pid_of_last(&mut self, pid: u32) {
        if let Some(Write::Execute(execute)) = self.writes.last() {
            set_pid(
                self.actions
                    .get_mut(execute.actions.clone())
                    .unwrap_or_default(),
                pid,
            );
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.writes.len()
    }

    /// Drops the writes that concern flows which have left the table since.
    pub(super) fn retain_known(&mut self, table: &FlowTable) {
        self.writes.retain(|write| match write {
            Write::Put(ufid) | Write::SetActions { ufid, .. } => table.get(*ufid).is_some(),
            _ => true,
        });
    }

    /// The operations, in the order in which they were added.
    pub(super) fn ops<'a>(&'a self, table: &'a FlowTable) -> SmallVec<[Op<'a>; USUAL]> {
        self.writes
            .iter()
            .filter_map(|write| self.op(write, table))
            .collect()
    }

    fn op<'a>(&'a self, write: &'a Write, table: &'a FlowTable) -> Option<Op<'a>> {
        Some(match write {
            Write::Put(ufid) => {
                let flow = table.get(*ufid)?;
                Op::Put {
                    ufid: *ufid,
                    key: &flow.key,
                    mask: &flow.mask,
                    actions: &flow.actions,
                    mode: PutMode::Create,
                }
            }
            Write::SetActions { ufid, anew, .. } => {
                let flow = table.get(*ufid)?;
                Op::SetActions {
                    ufid: *ufid,
                    key: &flow.key,
                    mask: &flow.mask,
                    actions: &flow.actions,
                    anew: *anew,
                }
            }
            Write::Delete { ufid, .. } => Op::Delete { ufid: *ufid },
            Write::DeleteUnnamed(key) => Op::DeleteUnnamed { key },
            Write::Execute(execute) => Op::Execute {
                packet: self.bytes.get(execute.packet.clone())?,
                key_attrs: self.bytes.get(execute.key_attrs.clone())?,
                actions: self.actions.get(execute.actions.clone())?,
                mru: execute.mru,
                hash: execute.hash,
            },
        })
    }

    /// Ready for the next batch; the memory of the writes comes back by [`Batch::give_back`].
    pub(super) fn clear(&mut self) -> Vec<Write> {
        self.bytes.clear();
        self.actions.clear();
        std::mem::replace(&mut self.writes, std::mem::take(&mut self.spare))
    }

    /// Takes the memory of writes that are done with.
    pub(super) fn give_back(&mut self, mut writes: Vec<Write>) {
        writes.clear();
        self.spare = writes;
    }
}

fn append<T: Clone>(arena: &mut Vec<T>, items: &[T]) -> Range<usize> {
    let start = arena.len();
    arena.extend_from_slice(items);
    start..arena.len()
}
