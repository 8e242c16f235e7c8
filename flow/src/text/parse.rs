//! Reads keys and flows.

use crate::attr::{NESTED, NET_BYTE_ORDER};
use crate::codec::{TAGS, Tag, kind};
use crate::field::Field;
use crate::header::{Header, Style};
use crate::key::{FlowKey, Nesting, UnknownAttr};
use crate::mask::FlowMask;
use crate::present::{Headers, VLAN_PRESENT};

use super::cursor::{Cursor, ParseError, Problem};
use super::flow::PCP_SHIFT;
use super::{header, tunnel, value};

/// Reads a flow: its key, and its mask.
///
/// Fields that are not given do not count. Headers that the kernel wants beside those given are added
/// ([`FlowKey::complete`]), and to the mask what the kernel compares anyway ([`FlowMask::add_implied`]).
pub fn parse_flow(text: &str) -> Result<(FlowKey, FlowMask), ParseError> {
    let mut target = Target::new(true);
    target.parse(text)?;
    let Target {
        mut key, mut mask, ..
    } = target;
    key.complete();
    mask.add_implied(&key);
    Ok((key, mask))
}

/// Reads a key. Of a header that is given, fields that are not are 0.
pub fn parse_key(text: &str) -> Result<FlowKey, ParseError> {
    let mut target = Target::new(false);
    target.parse(text)?;
    Ok(target.key)
}

/// What is read so far.
pub(super) struct Target {
    pub(super) key: FlowKey,
    pub(super) mask: FlowMask,
    masks_allowed: bool,
    headers: Headers,
}

/// What of a nesting level decides the meaning of its ethertype.
#[derive(Default)]
struct Level {
    ethertype: Option<(u128, u128)>,
    absent: bool,
    tci: Option<(u128, u128)>,
    encap: bool,
}

impl Target {
    pub(super) fn new(masks_allowed: bool) -> Self {
        Self {
            key: FlowKey::new(),
            mask: FlowMask::new(),
            masks_allowed,
            headers: Headers::default(),
        }
    }

    /// Takes a field's value and mask, which stood before the cursor from `start` on.
    pub(super) fn put(
        &mut self,
        cursor: &Cursor<'_>,
        start: usize,
        field: Field,
        (value, bits): (u128, u128),
    ) -> Result<(), ParseError> {
        if !self.masks_allowed && bits != field.full() {
            return cursor.fail_at(start, Problem::MaskInKey);
        }
        self.key.set(field, value);
        self.mask.set(field, bits);
        Ok(())
    }

    /// Takes tunnel options and their mask.
    pub(super) fn put_options(
        &mut self,
        cursor: &Cursor<'_>,
        start: usize,
        value: Vec<u8>,
        bits: Vec<u8>,
    ) -> Result<(), ParseError> {
        if !self.masks_allowed && bits.iter().any(|&bits| bits != 0xff) {
            return cursor.fail_at(start, Problem::MaskInKey);
        }
        self.key.tunnel_options = value;
        if bits.iter().any(|&bits| bits != 0) {
            self.mask.tunnel_options = bits;
        }
        Ok(())
    }

    fn parse(&mut self, text: &str) -> Result<(), ParseError> {
        let mut cursor = Cursor::new(text);
        let mut level = Level::default();
        if !cursor.is_done() {
            self.parse_item(&mut cursor, &TAGS, Nesting::Top, &mut level)?;
        }
        while !cursor.is_done() {
            cursor.expect(",")?;
            self.parse_item(&mut cursor, &TAGS, Nesting::Top, &mut level)?;
        }
        self.end_level(&cursor, &TAGS, &level)?;
        self.key.unknown.sort_by_key(|&(nesting, _)| nesting);
        self.mask.unknown.sort_by_key(|&(nesting, _)| nesting);
        match self.headers.check(&self.key) {
            Ok(()) => Ok(()),
            Err(problem) => cursor.fail(Problem::Headers(problem)),
        }
    }

    fn parse_item(
        &mut self,
        cursor: &mut Cursor<'_>,
        tags: &[Tag],
        nesting: Nesting,
        level: &mut Level,
    ) -> Result<(), ParseError> {
        let start = cursor.at();
        let name = cursor.name("a header's name")?;
        cursor.expect("(")?;
        let twice = match name {
            "eth_type" => {
                level.absent = cursor.rest().starts_with("0/");
                let parsed = value::parse(cursor, Style::Hex, Field::EthType)?;
                cursor.expect(")")?;
                level.ethertype.replace(parsed).is_some()
            }
            "vlan" => level
                .tci
                .replace(parse_tci(cursor, self.masks_allowed)?)
                .is_some(),
            "encap" => {
                let [tag, tags @ ..] = tags else {
                    return cursor.fail_at(start, Problem::Expected("no third VLAN tag"));
                };
                let mut inner = Level::default();
                cursor.list(|cursor| self.parse_item(cursor, tags, tag.inside, &mut inner))?;
                self.end_level(cursor, tags, &inner)?;
                std::mem::replace(&mut level.encap, true)
            }
            "tunnel" => {
                let twice = self.key.has_tunnel();
                tunnel::parse(cursor, self)?;
                twice
            }
            _ => match header::find(name) {
                Some(header) => self.parse_header(cursor, header)?,
                None => {
                    self.parse_unknown(cursor, start, name, nesting)?;
                    false
                }
            },
        };
        if twice {
            return cursor.fail_at(start, Problem::Twice(name.to_owned()));
        }
        Ok(())
    }

    /// Reads a header; says whether it was given before.
    fn parse_header(
        &mut self,
        cursor: &mut Cursor<'_>,
        header: Header,
    ) -> Result<bool, ParseError> {
        let twice = self.headers.contains(header);
        self.headers.insert(header);
        for field in header.fields().filter(|_| !twice) {
            if !self.key.has(field) {
                self.key.set(field, 0);
            }
        }
        header::parse(cursor, header, |cursor, start, field, parsed| {
            self.put(cursor, start, field, parsed)
        })?;
        Ok(twice)
    }

    fn end_level(
        &mut self,
        cursor: &Cursor<'_>,
        tags: &[Tag],
        level: &Level,
    ) -> Result<(), ParseError> {
        let at = cursor.at();
        match (tags, level.tci, level.encap) {
            (_, None, false) => match level.ethertype {
                // Written as `0/…`, it is not 0 but absent: an LLC frame.
                Some((_, bits)) if level.absent => {
                    self.mask.set(Field::EthType, bits);
                }
                Some(parsed) => self.put(cursor, at, Field::EthType, parsed)?,
                None => {}
            },
            ([tag, ..], Some(tci), true) => {
                let Some(tpid) = level.ethertype else {
                    return cursor.fail(Problem::Expected("eth_type before vlan"));
                };
                self.put(cursor, at, tag.tpid, tpid)?;
                self.put(cursor, at, tag.tci, tci)?;
            }
            ([], Some(_), _) => {
                return cursor.fail(Problem::Expected("no third VLAN tag"));
            }
            _ => return cursor.fail(Problem::Expected("vlan and encap together")),
        }
        Ok(())
    }

    /// Reads an unknown attribute after its name and `(`.
    pub(super) fn parse_unknown(
        &mut self,
        cursor: &mut Cursor<'_>,
        start: usize,
        name: &str,
        nesting: Nesting,
    ) -> Result<(), ParseError> {
        let number = name.strip_prefix("key").and_then(|kind| kind.parse().ok());
        let Some(number) = number.filter(|&number| is_unknown(number, nesting)) else {
            let (what, name) = ("nothing in a key", name.to_owned());
            return cursor.fail_at(start, Problem::UnknownName { what, name });
        };
        let payload = cursor.hex_bytes()?;
        let mut bits = vec![0xff; payload.len()];
        if cursor.eat("/") {
            let start = cursor.at();
            bits = cursor.hex_bytes()?;
            if bits.len() != payload.len() {
                return cursor.fail_at(start, Problem::MaskLength);
            }
            if !self.masks_allowed {
                return cursor.fail_at(start, Problem::MaskInKey);
            }
        }
        let attr = |payload| UnknownAttr {
            kind: number,
            payload,
        };
        self.key.unknown.push((nesting, attr(payload)));
        self.mask.unknown.push((nesting, attr(bits)));
        cursor.expect(")")
    }
}

/// Whether an attribute's type is not one that has a name in the text form.
fn is_unknown(number: u16, nesting: Nesting) -> bool {
    let number = number & !(NESTED | NET_BYTE_ORDER);
    nesting == Nesting::Tunnel
        || (Header::from_kind(number).is_none()
            && !matches!(
                number,
                kind::ENCAP | kind::VLAN | kind::ETHERTYPE | kind::TUNNEL
            ))
}

/// Reads a tag's control information after its `(`. That the tag is there counts always; without `masks`
/// all of it does.
pub(super) fn parse_tci(cursor: &mut Cursor<'_>, masks: bool) -> Result<(u128, u128), ParseError> {
    let present = u128::from(VLAN_PRESENT);
    let (mut tci, mut bits, mut given) = (present, present, 0);
    cursor.list(|cursor| {
        let start = cursor.at();
        let name = cursor.name("vid, pcp or cfi")?;
        let (shift, width) = match name {
            "vid" => (0, 12),
            "cfi" => (12, 1),
            "pcp" => (PCP_SHIFT, 3),
            _ => return cursor.fail_at(start, Problem::Expected("vid, pcp or cfi")),
        };
        let full = u128::MAX >> (128 - width);
        if given & full << shift != 0 {
            return cursor.fail_at(start, Problem::Twice(name.to_owned()));
        }
        given |= full << shift;
        cursor.expect("=")?;
        let value = cursor.number(width)?;
        let mask = if masks && cursor.eat("/") {
            cursor.number(width)?
        } else {
            full
        };
        tci = tci & !(full << shift) | value << shift;
        bits = bits & !(full << shift) | mask << shift;
        Ok(())
    })?;
    Ok((tci, if masks { bits } else { u16::MAX.into() }))
}
