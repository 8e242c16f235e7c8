//! The text form of keys, masks and actions: the one that OVS's tools print and read.
//!
//! * A key alone is written in full: `recirc_id(0),in_port(2),eth(src=…,dst=…),eth_type(0x0806),arp(…)`.
//! * A flow, [`Flow`], is written as `ovs-dpctl dump-flows` does, what does not count left out; with `{:#}`
//!   as `dump-flows -m` does, every field with its mask.
//! * A packet in words for people, [`Packet`].
//! * Actions, [`Actions`]: `push_vlan(vid=5,pcp=0),3`. The empty list is `drop`.
//!
//! What a mask asks of fields that the key lacks is not written, as in the tools; only an LLC frame's
//! missing ethertype is, as `eth_type(0/0xffff)`. What the kernel compares without being asked is added
//! again by the parser.

mod action;
mod ct;
mod cursor;
mod flow;
mod header;
mod packet;
mod parse;
mod tunnel;
mod value;

pub use action::{Actions, parse_actions};
pub use cursor::{ParseError, Problem};
pub use flow::Flow;
pub use packet::Packet;
pub use parse::{parse_flow, parse_key};

use std::fmt;

use crate::field::Field;
use crate::key::FlowKey;
use crate::mask::FlowMask;

/// What is written: values with, or without, a mask.
#[derive(Clone, Copy)]
struct View<'a> {
    key: &'a FlowKey,
    mask: Option<&'a FlowMask>,
    /// Whether what does not count is written, too.
    verbose: bool,
}

impl View<'_> {
    fn value(&self, field: Field) -> u128 {
        let value = self.key.get_or_zero(field);
        if self.verbose {
            value
        } else {
            value & self.bits(field)
        }
    }

    fn bits(&self, field: Field) -> u128 {
        self.mask.map_or(field.full(), |mask| mask.get(field))
    }

    fn shows(&self, field: Field) -> bool {
        self.verbose || self.bits(field) != 0
    }
}

/// Writes items with commas between them.
struct List<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    begun: bool,
}

impl<'a, 'b> List<'a, 'b> {
    fn new(out: &'a mut fmt::Formatter<'b>) -> Self {
        Self { out, begun: false }
    }

    /// The place for the next item.
    fn next(&mut self) -> Result<&mut fmt::Formatter<'b>, fmt::Error> {
        if self.begun {
            self.out.write_str(",")?;
        }
        self.begun = true;
        Ok(self.out)
    }
}

/// Bytes in hex, without separators.
struct HexBytes<'a>(&'a [u8]);

impl fmt::Display for HexBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = View {
            key: self,
            mask: None,
            verbose: true,
        };
        flow::write(view, f)
    }
}

impl fmt::Debug for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Without a key no header can be named, so it is the fields' names, with the bits unless all count.
impl fmt::Debug for FlowMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = List::new(f);
        for (field, bits) in self.fields() {
            let out = list.next()?;
            write!(out, "{field:?}")?;
            if bits != field.full() {
                write!(out, "/{bits:#x}")?;
            }
        }
        if !self.tunnel_options.is_empty() {
            let bits = HexBytes(&self.tunnel_options);
            write!(list.next()?, "TunnelOptions/{bits}")?;
        }
        for (nesting, attr) in &self.unknown {
            let bits = HexBytes(&attr.payload);
            write!(list.next()?, "{nesting:?}.key{}/{bits}", attr.kind)?;
        }
        Ok(())
    }
}
