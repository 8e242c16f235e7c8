//! What the kernel does with a packet (`enum ovs_action_attr`).

use std::net::IpAddr;

use crate::field::Field;
use crate::header::Header;
use crate::key::{FlowKey, UnknownAttr};

/// One action of a flow. No action at all drops the packet.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// Sends the packet out of a datapath port.
    Output(u32),
    /// Sends the packet to a netlink socket of this program.
    Userspace(Userspace),
    /// Writes bits of a header's fields. [`Action::set`] makes one.
    Set {
        /// The header; it says which of the protocols a field like [`Field::TpSrc`] is of.
        header: Header,
        /// Its fields to write, in the order of [`Field`], none twice and none with an empty mask.
        fields: Vec<SetField>,
    },
    /// Sets the tunnel header for the output to a tunnel port that follows; the key has tunnel fields only.
    SetTunnel(Box<FlowKey>),
    /// Adds a VLAN tag.
    PushVlan {
        /// 0x8100 or 0x88a8.
        tpid: u16,
        /// Control information; bit 12 is set.
        tci: u16,
    },
    /// Removes the outer VLAN tag.
    PopVlan,
    /// Looks the packet up again under a recirculation id.
    Recirc(u32),
    /// Connection tracking.
    Ct(Ct),
    /// Passes the packet through a meter, which may drop it.
    Meter(u32),
    /// Drops the packet with a reason (kernels of 6.7 and later).
    Drop(u32),
    /// Cuts the packet to a length in bytes for the next output.
    Truncate(u32),
    /// Does one of two things by the packet's length.
    CheckPktLen {
        /// Length in bytes, without the Ethernet header's 14.
        length: u16,
        /// For longer packets.
        greater: Vec<Action>,
        /// For the others.
        less_or_equal: Vec<Action>,
    },
    /// Does something with a copy of the packet.
    Clone(Vec<Action>),
    /// An action that this version does not know, kept as it came.
    Unknown(UnknownAttr),
}

impl Action {
    /// Writes whole fields of a header, in any order. Of a field named twice the last value counts.
    pub fn set(header: Header, values: &[(Field, u128)]) -> Self {
        Self::set_masked(
            header,
            values
                .iter()
                .map(|&(field, value)| SetField::whole(field, value)),
        )
    }

    /// Writes bits of fields of a header. Value bits outside the masks are dropped, and so are fields
    /// with an empty mask.
    pub fn set_masked(header: Header, fields: impl IntoIterator<Item = SetField>) -> Self {
        let mut sorted: Vec<SetField> = Vec::new();
        for SetField { field, value, mask } in fields {
            let mask = mask & field.full();
            let value = value & mask;
            let new = SetField { field, value, mask };
            match sorted.binary_search_by_key(&field, |old| old.field) {
                Ok(at) => sorted[at] = new,
                Err(at) => sorted.insert(at, new),
            }
        }
        sorted.retain(|set| set.mask != 0);
        Self::Set {
            header,
            fields: sorted,
        }
    }
}

impl SetField {
    /// Writes all bits of a field.
    pub fn whole(field: Field, value: u128) -> Self {
        Self {
            field,
            value: value & field.full(),
            mask: field.full(),
        }
    }
}

/// Destination of a packet for this program.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Userspace {
    /// Netlink port id of the socket.
    pub pid: u32,
    /// Comes back with the packet.
    pub userdata: Vec<u8>,
    /// Whether the flow's actions come with the packet.
    pub with_actions: bool,
    /// The tunnel port whose header shall come with the packet.
    pub egress_tunnel_port: Option<u32>,
}

/// Bits of a field to write.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SetField {
    /// The field.
    pub field: Field,
    /// Its new bits.
    pub value: u128,
    /// Which bits are written.
    pub mask: u128,
}

/// Connection tracking (`enum ovs_ct_attr`).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Ct {
    /// Whether a new connection is entered (and marks are written).
    pub commit: bool,
    /// Whether an existing connection of the other direction is replaced.
    pub force: bool,
    /// The zone.
    pub zone: u16,
    /// Bits of the mark to write, and which.
    pub mark: Option<(u32, u32)>,
    /// Bits of the label to write, and which.
    pub labels: Option<(u128, u128)>,
    /// A protocol helper.
    pub helper: Option<String>,
    /// Address translation.
    pub nat: Option<Nat>,
    /// Which conntrack events are reported.
    pub event_mask: Option<u32>,
    /// Name of a timeout policy.
    pub timeout: Option<String>,
}

/// Address translation within connection tracking. With no direction, an existing one is applied.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Nat {
    /// What is rewritten in the original direction.
    pub direction: Option<NatDirection>,
    /// First and last address.
    pub addresses: Option<(IpAddr, IpAddr)>,
    /// First and last port.
    pub ports: Option<(u16, u16)>,
    /// Ask for the same choice after a restart.
    pub persistent: bool,
    /// Choose ports by hash.
    pub proto_hash: bool,
    /// Choose ports at random.
    pub proto_random: bool,
}

/// Which address is rewritten.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NatDirection {
    /// The source.
    Source,
    /// The destination.
    Destination,
}
