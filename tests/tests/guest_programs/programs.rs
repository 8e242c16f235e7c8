//! Stateful filtering as flows: design section 4's programs.
//!
//! On one host A is on port 1 and has zone 1, B is on port 2 and has zone 2. Across hosts C is on port 3 of the second
//! and has zone 3. A may begin what the policy allows towards the others; they may begin nothing towards A.

use weft_topology::MacAddr;

use super::connection::Family;
use super::host::underlay;
use super::stage::mac;

/// Flows as text: what they match, and their actions.
#[derive(Clone, Default)]
pub(crate) struct Flows(pub(crate) Vec<(String, String)>);

/// Ethertype of markers (IEEE 802 local experimental 1).
pub(crate) const MARKER: u16 = 0x88b5;
/// A new or established connection's own direction: one program for the first packet and all later ones.
const ORIGINAL: &str = "ct_state(+trk-inv-rpl-rel)";
/// What accepted at both ends.
pub(crate) const VERDICT: u32 = 0x11;
/// The bit of a mark that says that its connection was cut.
pub(crate) const CUT: u32 = 0x8000_0000;

/// What the sender knows (the upper bits of the tunnel key).
#[derive(Clone, Copy)]
pub(crate) enum Said {
    /// The receiving port has no zone.
    Nothing = 0,
    /// An original, judged.
    Original = 1,
    /// A reply, or an error about an original.
    Reply = 2,
    /// The sender's port has no zone.
    Unknown = 3,
}

/// What becomes of what may pass.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// UDP to port 53, TCP to port 80, echo requests pass.
    Open,
    Shut,
}

impl Family {
    /// The headers of an IP packet, for a match.
    pub(crate) fn ip(self, fields: &str) -> String {
        match self {
            Self::V4 => format!("eth(),eth_type(0x0800),ipv4({fields})"),
            Self::V6 => format!("eth(),eth_type(0x86dd),ipv6({fields})"),
        }
    }

    /// The same to one machine.
    fn ip_to(self, machine: usize, fields: &str) -> String {
        let ip = self.ip(fields);
        ip.replace("eth()", &format!("eth(dst={})", mac(machine)))
    }
}

fn tunnel_key(said: Said, port: u32) -> u32 {
    (said as u32) << 22 | port
}

/// The actions that send a packet to a port of another host.
pub(crate) fn to(said: Said, port: u32, host: usize) -> String {
    let (key, host) = (tunnel_key(said, port), underlay(host));
    format!("set(tunnel(tun_id={key:#x},dst={host},ttl=64,flags(key))),10")
}

/// A match on a packet that another host sent for a port here.
pub(crate) fn from(said: Said, port: u32, [sender, receiver]: [usize; 2]) -> String {
    let key = tunnel_key(said, port);
    let [sender, receiver] = [sender, receiver].map(underlay);
    format!("tunnel(tun_id={key:#x},src={sender},dst={receiver},ttl=64/0,flags(+key)),in_port(10)")
}

/// What commits in both zones of one host, and goes out.
pub(crate) fn commit_and_output() -> String {
    format!("ct(commit,zone=1,mark={VERDICT:#x}),ct(commit,zone=2,mark={VERDICT:#x}),2")
}

impl Flows {
    pub(crate) fn add(&mut self, matches: impl Into<String>, actions: impl Into<String>) {
        self.0.push((matches.into(), actions.into()));
    }

    /// Markers to a machine, plain in the tunnel, on one of the hosts that they pass.
    pub(crate) fn marker(&mut self, host: usize, its_host: usize, port: u32, mac: &MacAddr) {
        let eth = format!("eth(dst={mac}),eth_type({MARKER:#x})");
        let others = (1..=3).filter(|other| *other != port);
        let out = match host == its_host {
            true => port.to_string(),
            false => to(Said::Nothing, port, its_host),
        };
        for in_port in others {
            self.add(format!("recirc_id(0),in_port({in_port}),{eth}"), &*out);
        }
        if host == its_host {
            let arrives = from(Said::Nothing, port, [1 - host, host]);
            self.add(format!("recirc_id(0),{arrives},{eth}"), &*out);
        }
    }

    /// What the original direction may do, after a recirculation.
    pub(crate) fn policy(&mut self, place: &str, family: Family, accept: &str, policy: Policy) {
        let accept = match policy {
            Policy::Open => accept,
            Policy::Shut => "drop",
        };
        let echo = match family {
            Family::V4 => ("proto=1,frag=no", "icmp(type=8)"),
            Family::V6 => ("proto=58,frag=no", "icmpv6(type=128)"),
        };
        for ((ip, transport), actions) in [
            (("proto=17,frag=no", "udp(dst=53)"), accept),
            (("proto=6,frag=no", "tcp(dst=80)"), accept),
            (echo, accept),
            // All else that the tests begin.
            (("proto=17,frag=no", "udp(dst=8192/0xe000)"), "drop"),
            (("proto=6,frag=no", "tcp(dst=8192/0xe000)"), "drop"),
        ] {
            let matches = format!("{place},{ORIGINAL},{},{transport}", family.ip(ip));
            self.add(matches, actions);
        }
    }

    /// Nothing may begin, and nothing that began is admitted any more.
    pub(crate) fn shut(&mut self, place: &str, family: Family) {
        let matches = format!("{place},{ORIGINAL},{}", family.ip(""));
        self.add(matches, "drop");
    }

    /// Originals that no rule admits: what was admitted, by its mark, passes all the same.
    pub(crate) fn kept(&mut self, place: &str, family: Family, pass: &str) {
        let admitted = format!("{VERDICT:#x}");
        for (mark, actions) in [
            (admitted.as_str(), pass),
            ("0x0/0xfffffff0", "drop"),
            ("0x80000000/0x80000000", "drop"),
        ] {
            let ip = family.ip("");
            let matches = format!("{place},{ORIGINAL},ct_mark({mark}),{ip}");
            self.add(matches, actions);
        }
    }

    /// Replies and errors about a connection that the zone knows, which never commit; and what is invalid.
    pub(crate) fn known(&mut self, place: &str, family: Family, pass: &str) {
        for (state, actions) in [
            ("+trk-inv+rpl", pass),
            ("+trk-inv-rpl+rel", pass),
            ("+trk+inv", "drop"),
        ] {
            let matches = format!("{place},ct_state({state}),{}", family.ip(""));
            self.add(matches, actions);
        }
    }

    /// The same where a connection may have been cut.
    pub(crate) fn known_unless_cut(&mut self, place: &str, family: Family, pass: &str) {
        for (state, actions) in [("+trk-inv+rpl", pass), ("+trk-inv-rpl+rel", pass)] {
            for (bit, actions) in [(0, actions), (CUT, "drop")] {
                let mark = format!("ct_mark({bit:#x}/{CUT:#x})");
                let matches = format!("{place},ct_state({state}),{mark},{}", family.ip(""));
                self.add(matches, actions);
            }
        }
        let matches = format!("{place},ct_state(+trk+inv),{}", family.ip(""));
        self.add(matches, "drop");
    }

    /// The first pass: to the zone, but for neighbour discovery, listener reports and groups, which go `out`.
    pub(crate) fn enter(
        &mut self,
        family: Family,
        (in_port, machine): (u32, usize),
        (zone, recirc): (u16, u32),
        out: &str,
    ) {
        let place = format!("recirc_id(0),in_port({in_port})");
        let track = format!("ct(zone={zone}),recirc({recirc})");
        if family == Family::V4 {
            let matches = format!("{place},{}", family.ip_to(machine, ""));
            return self.add(matches, &*track);
        }
        let group = "eth(dst=01:00:00:00:00:00/01:00:00:00:00:00),eth_type(0x86dd),ipv6()";
        self.add(format!("{place},{group}"), out);
        let icmpv6 = |types: &str| {
            let ip = family.ip_to(machine, "proto=58");
            format!("{place},{ip},icmpv6(type={types})")
        };
        for types in ["130/0xfe", "132", "133", "134/0xfe", "143"] {
            self.add(icmpv6(types), out);
        }
        // Its value is a type of neighbour discovery: the kernel wants that header, too.
        self.add(format!("{},nd()", icmpv6("136/0xfe")), out);
        for types in ["0/0x80", "128/0xfe"] {
            self.add(icmpv6(types), &*track);
        }
        // A later fragment's protocol is 44 in an IPv6 key.
        for fields in ["proto=44,frag=later", "proto=17", "proto=6"] {
            let matches = format!("{place},{}", family.ip_to(machine, fields));
            self.add(matches, &*track);
        }
    }

    /// A on port 1 to B on port 2 as the policy says; back only what is known.
    pub(crate) fn same_host(family: Family, policy: Policy) -> Self {
        let mut flows = Self::default();
        flows.enter(family, (1, 1), (1, 1), "2");
        flows.policy(
            "recirc_id(1),in_port(1)",
            family,
            &commit_and_output(),
            policy,
        );
        flows.known("recirc_id(1),in_port(1)", family, "ct(zone=2),2");
        flows.enter(family, (2, 0), (2, 2), "1");
        flows.shut("recirc_id(2),in_port(2)", family);
        flows.known("recirc_id(2),in_port(2)", family, "ct(zone=1),1");
        flows
    }

    /// The sending side across hosts: it judges for both ends. `ends` are the machine and port there.
    pub(crate) fn sender(
        &mut self,
        family: Family,
        (in_port, zone, recirc): (u32, u16, u32),
        (machine, port, host): (usize, u32, usize),
        policy: Policy,
    ) {
        let place = format!("recirc_id({recirc}),in_port({in_port})");
        let plain = to(Said::Nothing, port, host);
        self.enter(family, (in_port, machine), (zone, recirc), &plain);
        let original = to(Said::Original, port, host);
        let commit = format!("ct(commit,zone={zone},mark={VERDICT:#x}),{original}");
        match policy {
            Policy::Open => self.policy(&place, family, &commit, policy),
            Policy::Shut => self.shut(&place, family),
        }
        self.known(&place, family, &to(Said::Reply, port, host));
    }

    /// The receiving side: an original was judged and is committed; a reply must be known here, too.
    pub(crate) fn receiver(
        &mut self,
        family: Family,
        (port, zone, recirc): (u32, u16, u32),
        hosts: [usize; 2],
    ) {
        let ip = family.ip("");
        let original = from(Said::Original, port, hosts);
        self.add(
            format!("recirc_id(0),{original},{ip}"),
            format!("ct(commit,zone={zone},mark={VERDICT:#x}),{port}"),
        );
        let reply = from(Said::Reply, port, hosts);
        self.add(
            format!("recirc_id(0),{reply},{ip}"),
            format!("ct(zone={zone}),recirc({recirc})"),
        );
        let place = format!("recirc_id({recirc}),in_port(10)");
        self.known(&place, family, &port.to_string());
        self.shut(&place, family); // state gone
    }
}
