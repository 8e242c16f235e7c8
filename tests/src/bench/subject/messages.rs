//! Netlink messages of the bound, put together from bytes that an upcall brought: nothing is decoded that
//! need not be. Numbers: `include/uapi/linux/{netlink,genetlink,openvswitch}.h`.

use std::ops::Range;

/// `NLM_F_REQUEST`, `NLM_F_CREATE`.
const REQUEST: u16 = 0x01;
const CREATE: u16 = 0x400;
/// Headers before the attributes: `nlmsghdr`, `genlmsghdr`, `ovs_header`.
const HEADERS: usize = 16 + 4 + 4;
/// The same number in `OVS_FLOW_CMD_NEW`, `OVS_FLOW_ATTR_KEY`, ….
pub(super) mod number {
    pub(in super::super) const FLOW_NEW: u8 = 1;
    pub(in super::super) const FLOW_DEL: u8 = 2;
    pub(super) const FLOW_KEY: u16 = 1;
    pub(super) const FLOW_ACTIONS: u16 = 2;
    pub(in super::super) const PACKET_EXECUTE: u8 = 3;
    pub(super) const PACKET_PACKET: u16 = 1;
    pub(super) const PACKET_KEY: u16 = 2;
    pub(super) const PACKET_ACTIONS: u16 = 3;
}

/// The two attributes of an upcall that matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Upcall<'a> {
    pub(super) packet: &'a [u8],
    pub(super) key: &'a [u8],
}

/// Finds packet and key in an upcall.
pub(super) fn upcall(message: &[u8]) -> Option<Upcall<'_>> {
    let attributes = message.get(HEADERS..)?;
    let (mut packet, mut key) = (None, None);
    for (kind, at) in places(attributes) {
        match kind {
            number::PACKET_PACKET => packet = attributes.get(at),
            number::PACKET_KEY => key = attributes.get(at),
            _ => {}
        }
    }
    Some(Upcall {
        packet: packet?,
        key: key?,
    })
}

/// The attributes of a message, and where the payload of each stands.
pub(super) fn places(attributes: &[u8]) -> impl Iterator<Item = (u16, Range<usize>)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let &[l0, l1, k0, k1] = attributes.get(at..)?.first_chunk()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let payload = at + 4..at + length;
        at += length.next_multiple_of(4).max(4);
        Some((u16::from_ne_bytes([k0, k1]), payload))
    })
}

/// Appends what puts an exact flow of a key.
pub(super) fn put(out: &mut Vec<u8>, (family, datapath): (u16, u32), key: &[u8], actions: &[u8]) {
    let start = open(out, family, CREATE, number::FLOW_NEW, datapath);
    attribute(out, number::FLOW_KEY, key);
    attribute(out, number::FLOW_ACTIONS, actions);
    close(out, start);
}

/// Appends what sends an upcall's packet.
pub(super) fn execute(
    out: &mut Vec<u8>,
    (family, datapath): (u16, u32),
    upcall: Upcall<'_>,
    actions: &[u8],
) {
    let start = open(out, family, 0, number::PACKET_EXECUTE, datapath);
    attribute(out, number::PACKET_PACKET, upcall.packet);
    attribute(out, number::PACKET_KEY, upcall.key);
    attribute(out, number::PACKET_ACTIONS, actions);
    close(out, start);
}

/// Appends what deletes all flows.
pub(super) fn flush(out: &mut Vec<u8>, family: u16, datapath: u32) {
    let start = open(out, family, 0, number::FLOW_DEL, datapath);
    close(out, start);
}

fn open(out: &mut Vec<u8>, family: u16, flags: u16, command: u8, datapath: u32) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&family.to_ne_bytes());
    out.extend_from_slice(&(REQUEST | flags).to_ne_bytes());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&[command, 1, 0, 0]);
    out.extend_from_slice(&datapath.to_ne_bytes());
    start
}

fn close(out: &mut [u8], start: usize) {
    let length = u32::try_from(out.len() - start).unwrap_or_default();
    out[start..start + 4].copy_from_slice(&length.to_ne_bytes());
}

fn attribute(out: &mut Vec<u8>, kind: u16, payload: &[u8]) {
    let length = u16::try_from(4 + payload.len()).unwrap_or_default();
    out.extend_from_slice(&length.to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(payload);
    out.resize(out.len().next_multiple_of(4), 0);
}
