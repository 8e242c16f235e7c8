//! Actions: the payload of `OVS_FLOW_ATTR_ACTIONS` and `OVS_PACKET_ATTR_ACTIONS`.
//!
//! An action that holds an attribute unknown here is itself unknown: it is kept whole.

use crate::action::{Action, Userspace};
use crate::attr::{Attr, Attrs, PutAttr};
use crate::key::UnknownAttr;

use super::{DecodeError, EncodeError, MAX_DEPTH, Seen, ct, set, tunnel};

/// `enum ovs_action_attr`
pub(crate) mod kind {
    pub(crate) const OUTPUT: u16 = 1;
    pub(crate) const USERSPACE: u16 = 2;
    pub(crate) const SET: u16 = 3;
    pub(crate) const PUSH_VLAN: u16 = 4;
    pub(crate) const POP_VLAN: u16 = 5;
    pub(crate) const RECIRC: u16 = 7;
    pub(crate) const SET_MASKED: u16 = 11;
    pub(crate) const CT: u16 = 12;
    pub(crate) const TRUNC: u16 = 13;
    pub(crate) const METER: u16 = 19;
    pub(crate) const CLONE: u16 = 20;
    pub(crate) const CHECK_PKT_LEN: u16 = 21;
    pub(crate) const DROP: u16 = 24;
}

/// `enum ovs_userspace_attr`
mod userspace {
    pub(super) const PID: u16 = 1;
    pub(super) const USERDATA: u16 = 2;
    pub(super) const EGRESS_TUN_PORT: u16 = 3;
    pub(super) const ACTIONS: u16 = 4;
}

/// `enum ovs_check_pkt_len_attr`
mod check_pkt_len {
    pub(super) const PKT_LEN: u16 = 1;
    pub(super) const IF_GREATER: u16 = 2;
    pub(super) const IF_LESS_EQUAL: u16 = 3;
}

/// Reads a list of actions. The empty list drops the packet.
pub fn decode_actions(bytes: &[u8]) -> Result<Vec<Action>, DecodeError> {
    decode_list(bytes, 0)
}

fn decode_list(bytes: &[u8], depth: usize) -> Result<Vec<Action>, DecodeError> {
    if depth > MAX_DEPTH {
        return Err(DecodeError::TooDeep);
    }
    let mut actions = Vec::new();
    for attr in Attrs::new(bytes) {
        let attr = attr?;
        let action = decode_action(&attr, depth)?;
        actions.push(action.unwrap_or_else(|| Action::Unknown(UnknownAttr::from(attr))));
    }
    Ok(actions)
}

/// Reads an action; none if it or a part of it is unknown.
fn decode_action(attr: &Attr<'_>, depth: usize) -> Result<Option<Action>, DecodeError> {
    Ok(Some(match attr.kind {
        kind::OUTPUT => Action::Output(attr.u32()?),
        kind::USERSPACE => return decode_userspace(attr),
        kind::SET => return set::decode(attr),
        kind::SET_MASKED => return set::decode_masked(attr),
        kind::PUSH_VLAN => {
            let &[p0, p1, t0, t1] = attr.array()?;
            Action::PushVlan {
                tpid: u16::from_be_bytes([p0, p1]),
                tci: u16::from_be_bytes([t0, t1]),
            }
        }
        kind::POP_VLAN => {
            attr.flag()?;
            Action::PopVlan
        }
        kind::RECIRC => Action::Recirc(attr.u32()?),
        kind::CT => return Ok(ct::decode(attr)?.map(Action::Ct)),
        kind::TRUNC => Action::Truncate(attr.u32()?),
        kind::METER => Action::Meter(attr.u32()?),
        kind::CLONE => Action::Clone(decode_list(attr.payload, depth + 1)?),
        kind::CHECK_PKT_LEN => return decode_check_pkt_len(attr, depth),
        kind::DROP => Action::Drop(attr.u32()?),
        _ => return Ok(None),
    }))
}

fn decode_userspace(attr: &Attr<'_>) -> Result<Option<Action>, DecodeError> {
    let mut seen = Seen::default();
    let mut pid = None;
    let mut punt = Userspace::default();
    for part in attr.attrs() {
        let part = part?;
        seen.note(part.kind)?;
        match part.kind {
            userspace::PID => pid = Some(part.u32()?),
            userspace::USERDATA => punt.userdata = part.payload.to_vec(),
            userspace::EGRESS_TUN_PORT => punt.egress_tunnel_port = Some(part.u32()?),
            userspace::ACTIONS => {
                part.flag()?;
                punt.with_actions = true;
            }
            _ => return Ok(None),
        }
    }
    punt.pid = pid.ok_or(DecodeError::Missing {
        action: kind::USERSPACE,
        missing: userspace::PID,
    })?;
    Ok(Some(Action::Userspace(punt)))
}

fn decode_check_pkt_len(attr: &Attr<'_>, depth: usize) -> Result<Option<Action>, DecodeError> {
    let mut seen = Seen::default();
    let (mut length, mut greater, mut less_or_equal) = (None, None, None);
    for part in attr.attrs() {
        let part = part?;
        seen.note(part.kind)?;
        match part.kind {
            check_pkt_len::PKT_LEN => length = Some(part.u16()?),
            check_pkt_len::IF_GREATER => greater = Some(decode_list(part.payload, depth + 1)?),
            check_pkt_len::IF_LESS_EQUAL => {
                less_or_equal = Some(decode_list(part.payload, depth + 1)?);
            }
            _ => return Ok(None),
        }
    }
    let missing = |missing| DecodeError::Missing {
        action: kind::CHECK_PKT_LEN,
        missing,
    };
    Ok(Some(Action::CheckPktLen {
        length: length.ok_or(missing(check_pkt_len::PKT_LEN))?,
        greater: greater.ok_or(missing(check_pkt_len::IF_GREATER))?,
        less_or_equal: less_or_equal.ok_or(missing(check_pkt_len::IF_LESS_EQUAL))?,
    }))
}

/// Appends a list of actions.
pub fn encode_actions(actions: &[Action], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    encode_list(actions, 0, out)
}

fn encode_list(actions: &[Action], depth: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if depth > MAX_DEPTH {
        return Err(EncodeError::TooDeep);
    }
    for action in actions {
        encode_action(action, depth, out)?;
    }
    Ok(())
}

fn encode_action(action: &Action, depth: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match action {
        Action::Output(port) => out.put_u32(kind::OUTPUT, *port),
        Action::Userspace(punt) => encode_userspace(punt, out)?,
        Action::Set { header, fields } => set::encode(*header, fields, out)?,
        Action::SetTunnel(key) => {
            let nest = out.begin(kind::SET);
            tunnel::encode_tunnel(key, out)?;
            out.end(nest)?;
        }
        Action::PushVlan { tpid, tci } => {
            let ([p0, p1], [t0, t1]) = (tpid.to_be_bytes(), tci.to_be_bytes());
            out.put_array(kind::PUSH_VLAN, &[p0, p1, t0, t1]);
        }
        Action::PopVlan => out.put_flag(kind::POP_VLAN),
        Action::Recirc(id) => out.put_u32(kind::RECIRC, *id),
        Action::Ct(ct) => ct::encode(ct, out)?,
        Action::Meter(id) => out.put_u32(kind::METER, *id),
        Action::Drop(reason) => out.put_u32(kind::DROP, *reason),
        Action::Truncate(length) => out.put_u32(kind::TRUNC, *length),
        Action::CheckPktLen {
            length,
            greater,
            less_or_equal,
        } => {
            let nest = out.begin(kind::CHECK_PKT_LEN);
            out.put_u16(check_pkt_len::PKT_LEN, *length);
            for (kind, actions) in [
                (check_pkt_len::IF_GREATER, greater),
                (check_pkt_len::IF_LESS_EQUAL, less_or_equal),
            ] {
                let branch = out.begin(kind);
                encode_list(actions, depth + 1, out)?;
                out.end(branch)?;
            }
            out.end(nest)?;
        }
        Action::Clone(actions) => {
            let nest = out.begin(kind::CLONE);
            encode_list(actions, depth + 1, out)?;
            out.end(nest)?;
        }
        Action::Unknown(attr) => out.put_bytes(attr.kind, &attr.payload)?,
    }
    Ok(())
}

fn encode_userspace(punt: &Userspace, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let nest = out.begin(kind::USERSPACE);
    out.put_u32(userspace::PID, punt.pid);
    if !punt.userdata.is_empty() {
        out.put_bytes(userspace::USERDATA, &punt.userdata)?;
    }
    if let Some(port) = punt.egress_tunnel_port {
        out.put_u32(userspace::EGRESS_TUN_PORT, port);
    }
    if punt.with_actions {
        out.put_flag(userspace::ACTIONS);
    }
    Ok(out.end(nest)?)
}
