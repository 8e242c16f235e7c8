//! The text of actions.

use std::fmt;

use crate::action::{Action, SetField, Userspace};
use crate::codec::MAX_DEPTH;
use crate::key::UnknownAttr;
use crate::present::ethertype;

use super::cursor::{Cursor, ParseError, Problem};
use super::flow::write_tci;
use super::parse::{Target, parse_tci};
use super::value::Hex;
use super::{HexBytes, List, View, ct, header, tunnel};

/// A list of actions, for writing. The empty one is `drop`.
#[derive(Clone, Copy)]
pub struct Actions<'a>(pub &'a [Action]);

// === writing ===

impl fmt::Display for Actions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("drop");
        }
        let mut list = List::new(f);
        for action in self.0 {
            write!(list.next()?, "{action}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Actions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Output(port) => write!(f, "{port}"),
            Action::Userspace(punt) => write_userspace(punt, f),
            Action::Set { header, fields } => {
                f.write_str("set(")?;
                header::write(f, *header, |field| {
                    let set = fields.iter().find(|set| set.field == field)?;
                    Some((set.value, set.mask))
                })?;
                f.write_str(")")
            }
            Action::SetTunnel(key) => {
                f.write_str("set(")?;
                let view = View {
                    key,
                    mask: None,
                    verbose: true,
                };
                tunnel::write(view, f)?;
                f.write_str(")")
            }
            Action::PushVlan { tpid, tci } => {
                f.write_str("push_vlan(")?;
                if *tpid != ethertype::VLAN {
                    write!(f, "tpid={tpid:#06x},")?;
                }
                write_tci((*tci).into(), u16::MAX.into(), true, f)?;
                if tci & crate::present::VLAN_PRESENT == 0 {
                    f.write_str(",cfi=0")?;
                }
                f.write_str(")")
            }
            Action::PopVlan => f.write_str("pop_vlan"),
            Action::Recirc(id) => write!(f, "recirc({})", Hex((*id).into())),
            Action::Ct(action) => ct::write(action, f),
            Action::Meter(id) => write!(f, "meter({id})"),
            Action::Drop(reason) => write!(f, "drop({reason})"),
            Action::Truncate(length) => write!(f, "trunc({length})"),
            Action::CheckPktLen {
                length,
                greater,
                less_or_equal,
            } => write!(
                f,
                "check_pkt_len(size={length},gt({}),le({}))",
                Actions(greater),
                Actions(less_or_equal)
            ),
            Action::Clone(actions) => write!(f, "clone({})", Actions(actions)),
            Action::Unknown(attr) => write!(f, "action{}({})", attr.kind, HexBytes(&attr.payload)),
        }
    }
}

fn write_userspace(punt: &Userspace, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "userspace(pid={}", punt.pid)?;
    if !punt.userdata.is_empty() {
        write!(f, ",userdata({})", HexBytes(&punt.userdata))?;
    }
    if punt.with_actions {
        f.write_str(",actions")?;
    }
    if let Some(port) = punt.egress_tunnel_port {
        write!(f, ",tunnel_out_port={port}")?;
    }
    f.write_str(")")
}

// === reading ===

/// Reads a list of actions.
pub fn parse_actions(text: &str) -> Result<Vec<Action>, ParseError> {
    let mut cursor = Cursor::new(text);
    let actions = parse_list(&mut cursor, 0)?;
    if !cursor.is_done() {
        return cursor.fail(Problem::Expected("\",\" or the end"));
    }
    Ok(actions)
}

/// Reads actions as far as there are commas between them.
fn parse_list(cursor: &mut Cursor<'_>, depth: usize) -> Result<Vec<Action>, ParseError> {
    if depth > MAX_DEPTH {
        return cursor.fail(Problem::TooDeep);
    }
    let rest = cursor.rest();
    if rest.starts_with("drop") && !rest.starts_with("drop(") {
        cursor.expect("drop")?;
        return Ok(Vec::new());
    }
    let mut actions = vec![parse_action(cursor, depth)?];
    while cursor.eat(",") {
        actions.push(parse_action(cursor, depth)?);
    }
    Ok(actions)
}

fn parse_action(cursor: &mut Cursor<'_>, depth: usize) -> Result<Action, ParseError> {
    if cursor.rest().starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(Action::Output(cursor.u32()?));
    }
    let start = cursor.at();
    let name = cursor.name("an action")?;
    match name {
        "pop_vlan" => return Ok(Action::PopVlan),
        "ct" => return Ok(Action::Ct(ct::parse(cursor)?)),
        _ => cursor.expect("(")?,
    }
    if name == "push_vlan" {
        return parse_push_vlan(cursor);
    }
    let action = match name {
        "userspace" => return parse_userspace(cursor),
        "set" => parse_set(cursor)?,
        "recirc" => Action::Recirc(cursor.u32()?),
        "meter" => Action::Meter(cursor.u32()?),
        "drop" => Action::Drop(cursor.u32()?),
        "trunc" => Action::Truncate(cursor.u32()?),
        "clone" => Action::Clone(parse_list(cursor, depth + 1)?),
        "check_pkt_len" => parse_check_pkt_len(cursor, depth)?,
        _ => {
            let kind = name
                .strip_prefix("action")
                .and_then(|kind| kind.parse().ok());
            let Some(kind) = kind else {
                let (what, name) = ("no action", name.to_owned());
                return cursor.fail_at(start, Problem::UnknownName { what, name });
            };
            let payload = cursor.hex_bytes()?;
            Action::Unknown(UnknownAttr { kind, payload })
        }
    };
    cursor.expect(")")?;
    Ok(action)
}

fn parse_push_vlan(cursor: &mut Cursor<'_>) -> Result<Action, ParseError> {
    let mut tpid = ethertype::VLAN;
    if cursor.eat("tpid=") {
        tpid = cursor.u16()?;
        cursor.expect(",")?;
    }
    let (tci, _) = parse_tci(cursor, false)?;
    let [.., high, low] = tci.to_be_bytes();
    Ok(Action::PushVlan {
        tpid,
        tci: u16::from_be_bytes([high, low]),
    })
}

fn parse_userspace(cursor: &mut Cursor<'_>) -> Result<Action, ParseError> {
    cursor.expect("pid=")?;
    let mut punt = Userspace {
        pid: cursor.u32()?,
        ..Userspace::default()
    };
    while cursor.eat(",") {
        let start = cursor.at();
        match cursor.name("userdata, actions or tunnel_out_port")? {
            "userdata" => {
                cursor.expect("(")?;
                punt.userdata = cursor.hex_bytes()?;
                cursor.expect(")")?;
            }
            "actions" => punt.with_actions = true,
            "tunnel_out_port" => {
                cursor.expect("=")?;
                punt.egress_tunnel_port = Some(cursor.u32()?);
            }
            name => {
                let (what, name) = ("nothing in userspace()", name.to_owned());
                return cursor.fail_at(start, Problem::UnknownName { what, name });
            }
        }
    }
    cursor.expect(")")?;
    Ok(Action::Userspace(punt))
}

fn parse_set(cursor: &mut Cursor<'_>) -> Result<Action, ParseError> {
    let start = cursor.at();
    let name = cursor.name("a header to set")?;
    cursor.expect("(")?;
    if name == "tunnel" {
        let mut target = Target::new(false);
        tunnel::parse(cursor, &mut target)?;
        return Ok(Action::SetTunnel(Box::new(target.key)));
    }
    let Some(header) = header::find(name).filter(|header| header.is_settable()) else {
        let (what, name) = ("no header that can be set", name.to_owned());
        return cursor.fail_at(start, Problem::UnknownName { what, name });
    };
    let mut fields = Vec::new();
    header::parse(cursor, header, |_, _, field, (value, mask)| {
        fields.push(SetField { field, value, mask });
        Ok(())
    })?;
    if fields.iter().all(|set| set.mask == 0) {
        return cursor.fail_at(start, Problem::Expected("a field to set"));
    }
    Ok(Action::set_masked(header, fields))
}

fn parse_check_pkt_len(cursor: &mut Cursor<'_>, depth: usize) -> Result<Action, ParseError> {
    cursor.expect("size=")?;
    let length = cursor.u16()?;
    cursor.expect(",gt(")?;
    let greater = parse_list(cursor, depth + 1)?;
    cursor.expect("),le(")?;
    let less_or_equal = parse_list(cursor, depth + 1)?;
    cursor.expect(")")?;
    Ok(Action::CheckPktLen {
        length,
        greater,
        less_or_equal,
    })
}
