//! What a datapath keeps of a flow that is put, after checks: what its dumps show, too.
//!
//! Key, mask and actions go through their netlink form and back, so that what cannot be said to the kernel
//! cannot be said here, and what the kernel adds is added.

use nix::errno::Errno;
use weft_flow::codec::{
    EncodeError, decode_actions, decode_key, decode_mask, encode_actions, encode_key, encode_mask,
};
use weft_flow::present::{ethertype, fragment};
use weft_flow::{Action, Field, FlowKey, FlowMask, Header, kernel_accepts};

use super::check;
use crate::error::{Attempt, Error};
use crate::kernel::to_check_actions;

/// A flow that has passed all checks.
pub(super) struct Kept {
    /// The key with the bits that do not count.
    pub(super) unmasked: FlowKey,
    /// The key without them, with the headers that the kernel then shows.
    pub(super) key: FlowKey,
    /// The bits that count.
    pub(super) mask: FlowMask,
    /// Those of them that the kernel shows.
    pub(super) shown_mask: FlowMask,
    pub(super) actions: Vec<Action>,
}

/// What is wrong with a flow or a packet's actions.
#[derive(Debug)]
pub(super) enum Wrong {
    /// It cannot be put into a message.
    Unsayable(String),
    /// The kernel refuses it.
    Refused(String),
    /// Only this datapath does not do it.
    Unsupported(String),
}

/// Fields that every key of the kernel has.
pub(super) const METADATA: [Field; 8] = [
    Field::RecircId,
    Field::DpHash,
    Field::SkbPriority,
    Field::SkbMark,
    Field::CtState,
    Field::CtZone,
    Field::CtMark,
    Field::CtLabels,
];

const TUPLES: [Header; 2] = [Header::CtTuple4, Header::CtTuple6];
const NETWORKS: [Header; 4] = [Header::Ipv4, Header::Ipv6, Header::Ipv6Exthdrs, Header::Arp];
const TRANSPORTS: [Header; 5] = [
    Header::Tcp,
    Header::TcpFlags,
    Header::Icmp,
    Header::Icmpv6,
    Header::Nd,
];

impl Kept {
    pub(super) fn new(key: &FlowKey, mask: &FlowMask, actions: &[Action]) -> Result<Self, Wrong> {
        let mut attrs = Vec::new();
        encode_key(key, &mut attrs)?;
        let mut unmasked = decode_key(&attrs).map_err(Wrong::refused)?;
        if let Some((_, attr)) = unmasked.unknown.first() {
            let kind = attr.kind;
            return Err(Wrong::Unsupported(format!("attribute {kind} in a key")));
        }
        attrs.clear();
        encode_mask(mask, key, &mut attrs)?;
        let mask = decode_mask(&attrs, &unmasked).map_err(Wrong::refused)?;
        kernel_accepts(&unmasked, &mask).map_err(Wrong::refused)?;
        add_metadata(&mut unmasked);
        let (key, shown_mask) = (shown(&unmasked, &mask), shown_mask(&unmasked, &mask));
        let actions = said(actions)?;
        check::actions(&actions, &key)?;
        Ok(Self {
            unmasked,
            key,
            mask,
            shown_mask,
            actions,
        })
    }

    /// What changes a flow's actions.
    pub(super) fn change(
        key: &FlowKey,
        mask: &FlowMask,
        actions: &[Action],
    ) -> Result<Self, Wrong> {
        let (key, mask) = to_check_actions(key, mask);
        Self::new(&key, &mask, actions)
    }
}

/// Actions as the kernel reads them.
pub(super) fn said(actions: &[Action]) -> Result<Vec<Action>, Wrong> {
    let mut attrs = Vec::new();
    encode_actions(actions, &mut attrs)?;
    decode_actions(&attrs).map_err(Wrong::refused)
}

/// A key that names a flow, as the kernel reads it.
pub(super) fn unmasked(key: &FlowKey) -> Result<FlowKey, Wrong> {
    let mut attrs = Vec::new();
    encode_key(key, &mut attrs)?;
    let mut key = decode_key(&attrs).map_err(Wrong::refused)?;
    add_metadata(&mut key);
    Ok(key)
}

/// Adds what every key of the kernel has, as 0.
pub(super) fn add_metadata(key: &mut FlowKey) {
    for field in METADATA {
        if !key.has(field) {
            key.set(field, 0);
        }
    }
    if key.u16(Field::EthType) == Some(ethertype::IPV6) && !key.has(Field::Ipv6Exthdrs) {
        key.set(Field::Ipv6Exthdrs, 0);
    }
}

/// Whether a masked key has the original direction's tuple, which the kernel tells by its protocol.
fn has_tuple(masked: &FlowKey) -> bool {
    masked.get_or_zero(Field::CtProto) != 0
}

/// The mask as the kernel shows it: that there be no tuple it compares but does not show.
fn shown_mask(unmasked: &FlowKey, mask: &FlowMask) -> FlowMask {
    let mut shown = mask.clone();
    if !has_tuple(&mask.apply(unmasked)) {
        for field in TUPLES.iter().flat_map(|header| header.fields()) {
            shown.set(field, 0);
        }
    }
    shown
}

/// The masked key as the kernel shows it (`__ovs_nla_put_key`): it tells the headers by the masked
/// ethertype, protocol and ICMP type, whatever they were.
fn shown(unmasked: &FlowKey, mask: &FlowMask) -> FlowKey {
    let mut key = mask.apply(unmasked);
    let changed = |key: &FlowKey, field| key.get(field) != unmasked.get(field);
    let network = changed(&key, Field::EthType);
    let is_later = key.get(Field::IpFrag) == Some(fragment::LATER.into());
    let transport = network || is_later || changed(&key, Field::IpProto);
    let neighbour = transport || changed(&key, Field::IcmpType);
    for (gone, headers) in [
        (!has_tuple(&key), &TUPLES[..]),
        (network, &NETWORKS[..]),
        (transport, &TRANSPORTS),
        (neighbour, &[Header::Nd]),
    ] {
        if gone {
            for field in headers.iter().flat_map(|header| header.fields()) {
                key.clear(field);
            }
        }
    }
    key.complete();
    add_metadata(&mut key);
    key
}

impl Wrong {
    pub(super) fn refused(reason: impl ToString) -> Self {
        Self::Refused(reason.to_string())
    }

    pub(super) fn error(self, attempt: Attempt) -> Error {
        let attempt = Box::new(attempt);
        match self {
            Self::Unsayable(reason) => Error::BadRequest { attempt, reason },
            Self::Refused(reason) => Error::Refused {
                attempt,
                errno: Errno::EINVAL,
                message: Some(reason),
            },
            Self::Unsupported(what) => Error::Unsupported { attempt, what },
        }
    }
}

impl From<EncodeError> for Wrong {
    fn from(error: EncodeError) -> Self {
        Self::Unsayable(error.to_string())
    }
}
