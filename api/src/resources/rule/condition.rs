//! Which packets a rule is for.

use std::net::IpAddr;

use ipnet::IpNet;
use uuid::Uuid;
use weft_topology::MacAddr;
use weft_topology::chain::{Condition, FragmentPolicy, MaskedMac, PortRange, Test};

use super::Problems;
use super::form::{Form, Range};
use crate::http::{ByName, Number};

impl Form {
    /// The condition, its fragment policy aside.
    pub(super) fn condition(&self, problems: &mut Problems) -> Condition {
        self.inversions_have_tests(problems);
        Condition {
            invert: self.cond_invert,
            match_forward_flow: self.match_forward_flow,
            match_return_flow: self.match_return_flow,
            in_ports: set(&self.in_ports, self.inv_in_ports),
            out_ports: set(&self.out_ports, self.inv_out_ports),
            port_group: id(self.port_group, self.inv_port_group),
            in_port_group: id(self.in_port_group, self.inv_in_port_group),
            out_port_group: id(self.out_port_group, self.inv_out_port_group),
            source_group: id(self.ip_addr_group_src, self.inv_ip_addr_group_src),
            destination_group: id(self.ip_addr_group_dst, self.inv_ip_addr_group_dst),
            ether_type: number(self.dl_type, self.inv_dl_type),
            mac_source: mac(
                ["dlSrc", "dlSrcMask"],
                (self.dl_src, self.dl_src_mask.as_deref()),
                self.inv_dl_src,
                problems,
            ),
            mac_destination: mac(
                ["dlDst", "dlDstMask"],
                (self.dl_dst, self.dl_dst_mask.as_deref()),
                self.inv_dl_dst,
                problems,
            ),
            vlan: self.vlan_test(problems),
            protocol: number(self.nw_proto, self.inv_nw_proto),
            tos: number(self.nw_tos, self.inv_nw_tos),
            source: prefix(
                ["nwSrcAddress", "nwSrcLength"],
                (self.nw_src_address, self.nw_src_length),
                self.inv_nw_src,
                problems,
            ),
            destination: prefix(
                ["nwDstAddress", "nwDstLength"],
                (self.nw_dst_address, self.nw_dst_length),
                self.inv_nw_dst,
                problems,
            ),
            source_port: ports("tpSrc", self.tp_src, self.inv_tp_src, problems),
            destination_port: ports("tpDst", self.tp_dst, self.inv_tp_dst, problems),
            fragment_policy: FragmentPolicy::Any,
        }
    }

    /// One that has none would make a rule for everything of what was meant for nearly nothing.
    fn inversions_have_tests(&self, problems: &mut Problems) {
        let all = [
            ("invInPorts", self.inv_in_ports, !self.in_ports.is_empty()),
            (
                "invOutPorts",
                self.inv_out_ports,
                !self.out_ports.is_empty(),
            ),
            (
                "invPortGroup",
                self.inv_port_group,
                self.port_group.is_some(),
            ),
            (
                "invInPortGroup",
                self.inv_in_port_group,
                self.in_port_group.is_some(),
            ),
            (
                "invOutPortGroup",
                self.inv_out_port_group,
                self.out_port_group.is_some(),
            ),
            (
                "invIpAddrGroupSrc",
                self.inv_ip_addr_group_src,
                self.ip_addr_group_src.is_some(),
            ),
            (
                "invIpAddrGroupDst",
                self.inv_ip_addr_group_dst,
                self.ip_addr_group_dst.is_some(),
            ),
            ("invDlType", self.inv_dl_type, self.dl_type.is_some()),
            ("invDlSrc", self.inv_dl_src, self.dl_src.is_some()),
            ("invDlDst", self.inv_dl_dst, self.dl_dst.is_some()),
            (
                "invVlan",
                self.inv_vlan,
                self.no_vlan || self.vlan.is_some(),
            ),
            ("invNwProto", self.inv_nw_proto, self.nw_proto.is_some()),
            ("invNwTos", self.inv_nw_tos, self.nw_tos.is_some()),
            ("invNwSrc", self.inv_nw_src, self.nw_src_address.is_some()),
            ("invNwDst", self.inv_nw_dst, self.nw_dst_address.is_some()),
            ("invTpSrc", self.inv_tp_src, self.tp_src.is_some()),
            ("invTpDst", self.inv_tp_dst, self.tp_dst.is_some()),
        ];
        for (name, is_inverted, is_tested) in all {
            if is_inverted && !is_tested {
                problems.add(name, "has no test beside it to invert");
            }
        }
    }

    fn vlan_test(&self, problems: &mut Problems) -> Option<Test<u16>> {
        let invert = self.inv_vlan;
        match (self.no_vlan, self.vlan) {
            (true, None) => Some(Test { value: 0, invert }),
            (true, Some(_)) => {
                problems.add(
                    "vlan",
                    "must be absent where noVlan asks for untagged frames",
                );
                None
            }
            (false, Some(Number(0))) => {
                problems.add("vlan", "0 is no VLAN; noVlan asks for untagged frames");
                None
            }
            (false, vlan) => number(vlan, invert),
        }
    }

    /// Fills in the condition.
    pub(super) fn show_condition(&mut self, of: &Condition) {
        self.cond_invert = of.invert;
        self.match_forward_flow = of.match_forward_flow;
        self.match_return_flow = of.match_return_flow;
        if let Some(Test { value, invert }) = &of.in_ports {
            self.in_ports = value.iter().map(|port| port.0).collect();
            self.inv_in_ports = *invert;
        }
        if let Some(Test { value, invert }) = &of.out_ports {
            self.out_ports = value.iter().map(|port| port.0).collect();
            self.inv_out_ports = *invert;
        }
        (self.port_group, self.inv_port_group) = show(of.port_group, |group| group.0);
        (self.in_port_group, self.inv_in_port_group) = show(of.in_port_group, |group| group.0);
        (self.out_port_group, self.inv_out_port_group) = show(of.out_port_group, |group| group.0);
        (self.ip_addr_group_src, self.inv_ip_addr_group_src) =
            show(of.source_group, |group| group.0);
        (self.ip_addr_group_dst, self.inv_ip_addr_group_dst) =
            show(of.destination_group, |group| group.0);
        (self.dl_type, self.inv_dl_type) = show(of.ether_type, Number);
        (self.dl_src, self.inv_dl_src) = show(of.mac_source, |masked| masked.mac);
        self.dl_src_mask = of.mac_source.and_then(|test| show_mask(test.value.mask));
        (self.dl_dst, self.inv_dl_dst) = show(of.mac_destination, |masked| masked.mac);
        self.dl_dst_mask = of
            .mac_destination
            .and_then(|test| show_mask(test.value.mask));
        if let Some(Test { value, invert }) = of.vlan {
            self.no_vlan = value == 0;
            self.vlan = Some(Number(value)).filter(|vlan| vlan.0 != 0);
            self.inv_vlan = invert;
        }
        (self.nw_proto, self.inv_nw_proto) = show(of.protocol, Number);
        (self.nw_tos, self.inv_nw_tos) = show(of.tos, Number);
        (self.nw_src_address, self.inv_nw_src) = show(of.source, |prefix| prefix.addr());
        self.nw_src_length = Some(length(of.source));
        (self.nw_dst_address, self.inv_nw_dst) = show(of.destination, |prefix| prefix.addr());
        self.nw_dst_length = Some(length(of.destination));
        (self.tp_src, self.inv_tp_src) = show(of.source_port, |range| ByName(Range::show(range)));
        (self.tp_dst, self.inv_tp_dst) =
            show(of.destination_port, |range| ByName(Range::show(range)));
        self.fragment_policy = Some(of.fragment_policy.to_string());
    }
}

fn show<T, U>(test: Option<Test<T>>, value: impl FnOnce(T) -> U) -> (Option<U>, bool) {
    match test {
        Some(test) => (Some(value(test.value)), test.invert),
        None => (None, false),
    }
}

fn id<I: From<Uuid>>(id: Option<Uuid>, invert: bool) -> Option<Test<I>> {
    let value = I::from(id?);
    Some(Test { value, invert })
}

fn number<T>(number: Option<Number<T>>, invert: bool) -> Option<Test<T>> {
    let value = number?.0;
    Some(Test { value, invert })
}

/// No port at all is no test.
fn set<I: From<Uuid> + Ord>(
    ids: &[Uuid],
    invert: bool,
) -> Option<Test<std::collections::BTreeSet<I>>> {
    let value = ids.iter().map(|id| I::from(*id)).collect();
    (!ids.is_empty()).then_some(Test { value, invert })
}

fn ports(
    property: &str,
    range: Option<ByName<Range>>,
    invert: bool,
    problems: &mut Problems,
) -> Option<Test<PortRange>> {
    let ByName(Range { start, end }) = range?;
    if start.is_none() && end.is_none() {
        problems.add(property, "wants start, end, or both");
    }
    let value = PortRange {
        first: start.map_or(0, |number| number.0),
        last: end.map_or(u16::MAX, |number| number.0),
    };
    Some(Test { value, invert })
}

impl Range {
    fn show(range: PortRange) -> Self {
        Self {
            start: Some(Number(range.first)),
            end: Some(Number(range.last)),
        }
    }
}

/// Bits beyond the length do not count, as in MidoNet.
fn prefix(
    [address, length]: [&str; 2],
    (addr, bits): (Option<IpAddr>, Option<Number<u8>>),
    invert: bool,
    problems: &mut Problems,
) -> Option<Test<IpNet>> {
    let Some(addr) = addr else {
        if bits.is_some_and(|bits| bits.0 != 0) {
            problems.add(address, format!("is required with {length}"));
        }
        return None;
    };
    let whole = IpNet::from(addr);
    let bits = bits.map_or(whole.prefix_len(), |bits| bits.0);
    match IpNet::new(addr, bits) {
        Ok(net) => Some(Test {
            value: net.trunc(),
            invert,
        }),
        Err(_) => {
            let most = whole.max_prefix_len();
            problems.add(length, format!("{bits} is not within 0 to {most}"));
            None
        }
    }
}

fn length(prefix: Option<Test<IpNet>>) -> Number<u8> {
    Number(prefix.map_or(0, |test| test.value.prefix_len()))
}

/// Bits that are not compared do not count.
fn mac(
    [address, property]: [&str; 2],
    (mac, mask): (Option<MacAddr>, Option<&str>),
    invert: bool,
    problems: &mut Problems,
) -> Option<Test<MaskedMac>> {
    let Some(mac) = mac else {
        if mask.is_some() {
            problems.add(address, format!("is required with {property}"));
        }
        return None;
    };
    let mut value = MaskedMac::from(mac);
    if let Some(text) = mask {
        match read_mask(text) {
            Some(mask) => value = masked(mac, mask),
            None => {
                let message =
                    format!("'{text}' is no mask: want ffff.ff00.0000 or ff:ff:ff:00:00:00");
                problems.add(property, message);
            }
        }
    }
    Some(Test { value, invert })
}

fn masked(mac: MacAddr, mask: MacAddr) -> MaskedMac {
    let (mac, bits) = (mac.octets(), mask.octets());
    let mut kept = [0; 6];
    for (kept, (byte, bits)) in kept.iter_mut().zip(mac.iter().zip(bits)) {
        *kept = byte & bits;
    }
    MaskedMac {
        mac: kept.into(),
        mask,
    }
}

/// A mask as MidoNet writes it, `ffff.ff00.0000`, or as a MAC.
fn read_mask(text: &str) -> Option<MacAddr> {
    let groups: Vec<&str> = text.split('.').collect();
    let [a, b, c] = groups.as_slice() else {
        return text.parse().ok();
    };
    let mut bytes = Vec::new();
    for group in [a, b, c] {
        if group.len() != 4 {
            return None;
        }
        bytes.extend(u16::from_str_radix(group, 16).ok()?.to_be_bytes());
    }
    let bytes: [u8; 6] = bytes.try_into().ok()?;
    Some(bytes.into())
}

/// As MidoNet writes it; a whole MAC has none.
fn show_mask(mask: MacAddr) -> Option<String> {
    if mask == MacAddr::broadcast() {
        return None;
    }
    let bytes = mask.octets();
    let groups = bytes
        .chunks(2)
        .map(|pair| pair.iter().map(|byte| format!("{byte:02x}")).collect());
    Some(groups.collect::<Vec<String>>().join("."))
}
