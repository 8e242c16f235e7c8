//! Set actions: SET holds one attribute of a key, SET_MASKED one with its value followed by its mask.

use crate::action::{Action, SetField};
use crate::attr::{Attr, PutAttr};
use crate::field::Field;
use crate::header::Header;

use super::action::kind as action_kind;
use super::{DecodeError, EncodeError, kind, slots, tunnel};

/// Reads a SET; none if its attribute is unknown or not settable.
pub(super) fn decode(attr: &Attr<'_>) -> Result<Option<Action>, DecodeError> {
    let inner = only(attr)?;
    if inner.kind == kind::TUNNEL {
        let key = tunnel::decode_tunnel(inner.payload)?;
        return Ok(Some(Action::SetTunnel(Box::new(key))));
    }
    let Some(header) = settable(inner.kind) else {
        return Ok(None);
    };
    let mut fields = Vec::new();
    slots::read(header.layout(), inner.payload, |field, value| {
        fields.push(SetField::whole(field, value));
    })?;
    Ok(Some(Action::set_masked(header, fields)))
}

/// Reads a SET_MASKED; none if its attribute is unknown or not settable, or it writes nothing.
pub(super) fn decode_masked(attr: &Attr<'_>) -> Result<Option<Action>, DecodeError> {
    let inner = only(attr)?;
    let Some(header) = settable(inner.kind) else {
        return Ok(None);
    };
    let layout = header.layout();
    let Some((values, masks)) = inner.payload.split_at_checked(layout.length) else {
        return Ok(inner.array::<0>().map(|_| None)?);
    };
    let mut fields = Vec::new();
    slots::read(layout, masks, |field, mask| {
        fields.push(SetField {
            field,
            value: 0,
            mask: mask & field.full(),
        });
    })?;
    let mut slots = fields.iter_mut();
    let mut outside = false;
    slots::read(layout, values, |_, value| {
        if let Some(set) = slots.next() {
            outside |= value & !set.mask != 0;
            set.value = value;
        }
    })?;
    if outside {
        return Err(DecodeError::ValueOutsideMask { header });
    }
    let writes = fields.iter().any(|set| set.mask != 0);
    Ok(writes.then(|| Action::set_masked(header, fields)))
}

fn settable(kind: u16) -> Option<Header> {
    Header::from_kind(kind).filter(|header| header.is_settable())
}

fn only<'a>(attr: &Attr<'a>) -> Result<Attr<'a>, DecodeError> {
    let mut attrs = attr.attrs();
    let first = attrs.next().ok_or(DecodeError::SetOfSeveral)??;
    match attrs.next() {
        None => Ok(first),
        Some(second) => {
            second?;
            Err(DecodeError::SetOfSeveral)
        }
    }
}

/// Appends a SET if all of the header is written, else a SET_MASKED.
pub(super) fn encode(
    header: Header,
    fields: &[SetField],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let layout = header.layout();
    if !header.is_settable() {
        return Err(EncodeError::NotSettable { header });
    }
    if let Some(set) = fields
        .iter()
        .find(|set| set.field.bit() & layout.fields == 0)
    {
        let field = set.field;
        return Err(EncodeError::ForeignField { header, field });
    }
    let find = |field: Field| fields.iter().find(|set| set.field == field);
    let mask = |field: Field| find(field).map_or(0, |set| set.mask);
    let value = |field: Field| find(field).map_or(0, |set| set.value & set.mask);
    if header.fields().all(|field| mask(field) == 0) {
        return Err(EncodeError::EmptySet { header });
    }
    let whole = header.fields().all(|field| mask(field) == field.full());
    let nest = out.begin(if whole {
        action_kind::SET
    } else {
        action_kind::SET_MASKED
    });
    let inner = out.begin(layout.kind);
    slots::write(layout, value, out);
    if !whole {
        slots::write(layout, mask, out);
    }
    out.end(inner)?;
    // No padding: only headers that cannot be set have a length that is no multiple of 4.
    debug_assert!(layout.length.is_multiple_of(4));
    Ok(out.end(nest)?)
}
