//! ICMP errors: to which connection they belong (`nf_conntrack_inet_error` of
//! `net/netfilter/nf_conntrack_proto_icmp.c`).

use std::net::IpAddr;

use weft_flow::present::ethertype;
use weft_flow::{Field, FlowKey};

use super::conntrack::{Connections, Place};
use crate::conntrack::quoted;

impl Connections {
    /// The place of an ICMP error in the connection that it is about, whose packets it goes against; none if the packet
    /// is no such error or the connection is not there. `transport` begins with the ICMP header.
    pub(super) fn related(&self, key: &FlowKey, zone: u16, transport: &[u8]) -> Option<Place> {
        let quoted = quoted(key, transport)?;
        let destination: IpAddr = match key.u16(Field::EthType)? {
            ethertype::IPV4 => key.ipv4(Field::Ipv4Dst)?.into(),
            _ => key.ipv6(Field::Ipv6Dst)?.into(),
        };
        // It goes the way of the packets that answer what it quotes, and to where these would go.
        let place = self.find(zone, quoted.inverse()?)?;
        let connection = self.get(place)?;
        let direction = match place.is_reply {
            true => connection.reply,
            false => connection.original,
        };
        (direction.destination == destination).then_some(place)
    }
}
