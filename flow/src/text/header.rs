//! The text of one header: its name and, in parentheses, its fields.

use std::fmt;

use crate::field::Field;
use crate::header::Header;

use super::cursor::{Cursor, ParseError, Problem};
use super::value::{self, Value};

/// Writes a header with the fields that `shown` gives a value and a mask.
pub(super) fn write(
    out: &mut fmt::Formatter<'_>,
    header: Header,
    shown: impl Fn(Field) -> Option<(u128, u128)>,
) -> fmt::Result {
    let layout = header.layout();
    write!(out, "{}(", layout.name)?;
    let mut comma = "";
    for slot in layout.slots {
        let Some((value, bits)) = shown(slot.field) else {
            continue;
        };
        let equals = if slot.name.is_empty() { "" } else { "=" };
        let value = Value {
            style: slot.style,
            field: slot.field,
            value,
            bits,
        };
        write!(out, "{comma}{}{equals}{value}", slot.name)?;
        comma = ",";
    }
    out.write_str(")")
}

/// The header of a name.
pub(super) fn find(name: &str) -> Option<Header> {
    Header::ALL
        .iter()
        .copied()
        .find(|header| header.layout().name == name)
}

/// Reads a header after its name and `(`, up to its `)`: of each field that is given, where its value
/// stands, and the value and mask.
pub(super) fn parse(
    cursor: &mut Cursor<'_>,
    header: Header,
    mut give: impl FnMut(&Cursor<'_>, usize, Field, (u128, u128)) -> Result<(), ParseError>,
) -> Result<(), ParseError> {
    let layout = header.layout();
    if let [slot] = layout.slots {
        let start = cursor.at();
        let parsed = value::parse(cursor, slot.style, slot.field)?;
        give(cursor, start, slot.field, parsed)?;
        return cursor.expect(")");
    }
    let mut given = 0;
    cursor.list(|cursor| {
        let start = cursor.at();
        let name = cursor.name("a field's name")?;
        let Some(slot) = layout.slots.iter().find(|slot| slot.name == name) else {
            let (what, name) = ("no field of this header", name.to_owned());
            return cursor.fail_at(start, Problem::UnknownName { what, name });
        };
        if given & slot.field.bit() != 0 {
            return cursor.fail_at(start, Problem::Twice(name.to_owned()));
        }
        given |= slot.field.bit();
        cursor.expect("=")?;
        let start = cursor.at();
        let parsed = value::parse(cursor, slot.style, slot.field)?;
        give(cursor, start, slot.field, parsed)
    })
}
