//! ARP (RFC 826): who says that it has which address.

use ipnet::IpNet;
use weft_flow::Field;

use super::{Own, Violation};
use crate::probe::Probe;

pub(super) fn violation(probe: &mut Probe<'_>, own: Own<'_>) -> Option<Violation> {
    // ARP of other networks has no such fields: the kernel shows zeros.
    let sender = probe.mac(Field::ArpSha)?;
    if !own.has_mac(sender) {
        return Some(Violation::ArpSender);
    }
    // One that looks whether its address is taken (RFC 5227).
    if probe.is(Field::ArpSip, 0) {
        return None;
    }
    let is_own = own.with(sender).any(|pair| match pair.prefix {
        IpNet::V4(prefix) => {
            let (value, mask) = (prefix.addr().to_bits(), prefix.netmask().to_bits());
            probe.is_in(Field::ArpSip, value.into(), mask.into())
        }
        IpNet::V6(_) => false,
    });
    (!is_own).then_some(Violation::ArpSender)
}
