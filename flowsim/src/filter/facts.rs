//! What conditions ask of a packet again and again. It is read once, in full: that costs no flows, since every mask
//! that is installed has all of these fields.

use weft_flow::Field;
use weft_flow::present::ethertype;

use crate::probe::Probe;

/// As which part of its datagram a packet is judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Piece {
    /// As the key says.
    AsItIs,
    /// As the first fragment of one that was put together.
    First,
    /// As a later one; it has the datagram's ports all the same.
    Later,
}

/// What a packet is, as far as rules can ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    V4,
    V6,
    Arp,
    Other,
}

/// Facts of one packet at one place; those that nobody has asked for are not read.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) piece: Piece,
    kind: Option<Kind>,
    protocol: Option<Option<u8>>,
    fragment: Option<u8>,
}

impl Facts {
    pub(super) const fn new(piece: Piece) -> Self {
        Self {
            piece,
            kind: None,
            protocol: None,
            fragment: None,
        }
    }

    pub(super) fn kind(&mut self, probe: &mut Probe<'_>) -> Kind {
        *self.kind.get_or_insert_with(|| {
            let ether_type = probe.read(Field::EthType);
            let is = |kind: u16| ether_type == Some(kind.into());
            match () {
                () if is(ethertype::IPV4) => Kind::V4,
                () if is(ethertype::IPV6) => Kind::V6,
                () if is(ethertype::ARP) => Kind::Arp,
                () => Kind::Other,
            }
        })
    }

    /// The protocol of IP, the next header of IPv6; none of what is not IP.
    pub(super) fn protocol(&mut self, probe: &mut Probe<'_>) -> Option<u8> {
        if !self.is_ip(probe) {
            return None;
        }
        *self.protocol.get_or_insert_with(|| {
            let protocol = probe.read(Field::IpProto)?;
            u8::try_from(protocol).ok()
        })
    }

    /// Where in its datagram the packet of IP is, as it is now.
    pub(super) fn fragment(&mut self, probe: &mut Probe<'_>) -> u8 {
        *self.fragment.get_or_insert_with(|| {
            let place = probe.read(Field::IpFrag);
            place.map_or(u8::MAX, |place| u8::try_from(place).unwrap_or(u8::MAX))
        })
    }

    pub(super) fn is_ip(&mut self, probe: &mut Probe<'_>) -> bool {
        matches!(self.kind(probe), Kind::V4 | Kind::V6)
    }
}
