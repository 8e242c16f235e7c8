//! What a simulation returns.

use weft_flow::{Action, FlowKey, FlowMask, dictionary};
use weft_topology::id::PortId;
use weft_topology::{ObjectId, Tag};

use crate::effect::Effect;
use crate::learned::Time;
use crate::mark::Conversation;
use crate::punt::PuntClass;
use crate::reason::Reason;

/// The verdict on a packet, and all that it depended on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// What the kernel shall do; none drops. A [`PuntClass::action`] has netlink port id 0.
    pub actions: Vec<Action>,
    /// The bits of the key that were read. A packet that shares them meets the same verdict.
    pub mask: FlowMask,
    /// The facts that were read, each once, in the order of reading.
    pub tags: Vec<Tag>,
    /// What else to do, because this packet came.
    pub effects: Vec<Effect>,
    /// Ports that the frame was for and does not leave by, each with the reason.
    pub held: Vec<Held>,
    /// Objects that must be loaded before the packet can be judged. When there are any, nothing else
    /// counts: the packet is parked.
    pub missing: Vec<ObjectId>,
    /// When the verdict ends, if a time was read.
    pub valid_until: Option<Time>,
    /// Why.
    pub reason: Reason,
    /// Whether a flow may be made of it.
    pub install: Install,
    /// Whose connections the actions enter, by which number: [`Conversation::mark`].
    pub conversation: Option<Conversation>,
}

/// A port that keeps a frame back.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Held {
    /// The port.
    pub port: PortId,
    /// Why.
    pub reason: Reason,
}

/// For which packets a verdict holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Install {
    /// For every packet under the mask: it becomes a flow.
    Flow,
    /// For this packet alone: it needed the packet's bytes, or a fact that has no tag. No flow.
    PerPacket,
}

impl Outcome {
    /// The mask to install: the first of the dictionary that covers every bit read.
    pub fn flow_mask(&self, key: &FlowKey) -> FlowMask {
        dictionary::fit(key, &self.mask)
    }

    /// The local service that the packet is to be given to with [`serve`](crate::serve).
    pub fn punt(&self) -> Option<PuntClass> {
        PuntClass::of_actions(&self.actions)
    }

    /// Whether the kernel drops the packets by itself: those that come up are dropped, and counted, by the caller.
    pub fn drops(&self) -> bool {
        self.reason.is_drop() && self.punt().is_none()
    }

    /// Whether an installed flow may carry this outcome, simulated afresh from its key: every bit read
    /// lies within the installed mask, and the packets that hit it have nothing left to teach.
    pub fn fits(&self, mask: &FlowMask) -> bool {
        self.install == Install::Flow
            && self.missing.is_empty()
            && self.effects.is_empty()
            && mask.covers(&self.mask)
    }

    /// Whether an installed flow may stay as it is: it fits, and the actions are equal (`installed`
    /// with netlink port ids set to 0).
    pub fn upholds(&self, installed: &[Action], mask: &FlowMask) -> bool {
        self.fits(mask) && self.actions == installed
    }
}
