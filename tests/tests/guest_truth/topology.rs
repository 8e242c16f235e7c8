//! Random topologies as topology files: bridges with chains, groups, port security, DHCP, VLANs. Everything is drawn from
//! small pools, so that packets meet entries and entries meet one another.

use std::fmt::Write;

use fastrand::Rng;
use weft_tests::frames::Station;

/// Ports, each with a tap and a station of its own number, from 1 on.
pub(crate) const PORTS: u8 = 10;
const BRIDGES: u8 = 2;
const CHAINS: u8 = 6;
const GROUPS: u8 = 2;

/// Which bridge each port is of.
pub(crate) type Homes = Vec<u8>;

/// The tap of a port.
pub(crate) fn tap(n: u8) -> String {
    format!("tap-{n}")
}

/// Most ports on one bridge, some on another.
pub(crate) fn homes(random: &mut Rng) -> Homes {
    (0..PORTS).map(|_| u8::from(random.u8(0..4) == 0)).collect()
}

/// A file that says that there is nothing.
pub(crate) const NOTHING: &str = "name = \"truth\"\n";

/// A file with all of it.
pub(crate) fn file(random: &mut Rng, homes: &Homes) -> String {
    let mut out = NOTHING.to_owned();
    for n in 0..GROUPS {
        let members: Vec<String> = (0..random.u8(0..4)).map(|_| prefix(random)).collect();
        let mut members: Vec<String> = members.into_iter().map(|it| format!("{it:?}")).collect();
        members.sort();
        members.dedup();
        let list = members.join(", ");
        write!(
            out,
            "[address_group.a{n}]\naddresses = [{list}]\n[port_group.g{n}]\n"
        )
        .unwrap();
    }
    for n in 0..CHAINS {
        chain(random, homes, n, &mut out);
    }
    for n in 0..BRIDGES {
        bridge(random, homes, n, &mut out);
    }
    out
}

/// The same, with the place of every port's station and of no other MAC.
pub(crate) fn with_stations(text: String, homes: &Homes) -> String {
    let mut out = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("[[bridge.") {
            // With the two lines of its entry.
            lines.nth(1);
            continue;
        }
        writeln!(out, "{line}").unwrap();
    }
    for (n, home) in (1..).zip(homes) {
        let mac = Station::new(n).mac;
        writeln!(
            out,
            "[[bridge.b{home}.mac]]\nmac = \"{mac}\"\nport = \"p{n}\""
        )
        .unwrap();
    }
    out
}

fn chance(random: &mut Rng, percent: u8) -> bool {
    random.u8(0..100) < percent
}

fn chain(random: &mut Rng, homes: &Homes, n: u8, out: &mut String) {
    writeln!(out, "[chain.c{n}]").unwrap();
    for place in 0..random.u8(0..5) {
        let action = match random.u8(0..20) {
            0..=8 => "accept",
            9..=12 => "drop",
            13 => "reject",
            14 => "return",
            15 => "continue",
            _ if n + 1 < CHAINS => "jump",
            _ => "accept",
        };
        writeln!(
            out,
            "[[chain.c{n}.rule]]\nid = \"00000000-0000-4000-8000-00000000{n:02}{place:02}\""
        )
        .unwrap();
        writeln!(out, "action = \"{action}\"").unwrap();
        if action == "jump" {
            writeln!(out, "chain = \"c{}\"", random.u8(n + 1..CHAINS)).unwrap();
        }
        tests(random, homes, out);
    }
}

/// What a rule tests: mostly one or two things, now and then nothing.
fn tests(random: &mut Rng, homes: &Homes, out: &mut String) {
    let (mut when, mut not) = (Vec::new(), Vec::new());
    let mut names = Vec::new();
    for _ in 0..random.u8(0..3) {
        let (name, value, may_invert) = a_test(random, homes);
        if names.contains(&name) {
            continue;
        }
        names.push(name);
        match may_invert && chance(random, 20) {
            true => not.push(format!("{name} = {value}")),
            false => when.push(format!("{name} = {value}")),
        }
    }
    for (key, tests) in [("when", when), ("not", not)] {
        if !tests.is_empty() {
            writeln!(out, "{key} = {{ {} }}", tests.join(", ")).unwrap();
        }
    }
}

fn a_test(random: &mut Rng, homes: &Homes) -> (&'static str, String, bool) {
    let port = |random: &mut Rng| {
        let n = random.u8(1..=PORTS);
        format!("[\"b{}/p{n}\"]", homes[usize::from(n) - 1])
    };
    let group = |random: &mut Rng, kind: char| format!("\"{kind}{}\"", random.u8(0..GROUPS));
    match random.u8(0..22) {
        0..=3 => ("reply", "true".to_owned(), false),
        4 => ("original", "true".to_owned(), false),
        5 | 6 => {
            let names = ["\"tcp\"", "\"udp\"", "\"icmp\"", "\"icmpv6\""];
            ("protocol", random.choice(names).unwrap().to_owned(), true)
        }
        7 => ("source", format!("{:?}", prefix_v4(random)), true),
        8 => ("destination", format!("{:?}", prefix_v4(random)), true),
        9 => ("source_group", group(random, 'a'), true),
        10 => ("destination_group", group(random, 'a'), true),
        11..=13 => ("destination_port", ports(random), true),
        14 => ("source_port", ports(random), true),
        15 => {
            let types = ["\"arp\"", "\"ipv4\"", "\"ipv6\"", "0x88b5"];
            ("ether_type", random.choice(types).unwrap().to_owned(), true)
        }
        16 => ("mac_source", format!("\"{}\"", station(random).mac), true),
        17 => (
            "mac_destination",
            format!("\"{}\"", station(random).mac),
            true,
        ),
        18 => ("in_ports", port(random), true),
        19 => ("out_ports", port(random), true),
        20 => ("port_group", group(random, 'g'), true),
        _ => ("in_port_group", group(random, 'g'), true),
    }
}

fn ports(random: &mut Rng) -> String {
    let ranges = [
        "53",
        "80",
        "\"50-60\"",
        "\"4000-4003\"",
        "\"0-65535\"",
        "\"1-79\"",
    ];
    random.choice(ranges).unwrap().to_owned()
}

/// A station of one of the ports.
pub(crate) fn station(random: &mut Rng) -> Station {
    Station::new(random.u8(1..=PORTS))
}

fn prefix_v4(random: &mut Rng) -> String {
    let length: u32 = *[8, 24, 29, 30, 31, 32].get(random.usize(0..6)).unwrap();
    let bits = station(random).v4.to_bits() & (u32::MAX << (32 - length));
    format!("{}/{length}", std::net::Ipv4Addr::from_bits(bits))
}

fn prefix(random: &mut Rng) -> String {
    if chance(random, 60) {
        return prefix_v4(random);
    }
    let length: u32 = *[64, 125, 127, 128].get(random.usize(0..4)).unwrap();
    let bits = station(random).v6.to_bits() & (u128::MAX << (128 - length));
    format!("{}/{length}", std::net::Ipv6Addr::from_bits(bits))
}

fn filters(random: &mut Rng, percent: u8, out: &mut String) {
    for key in ["inbound", "outbound"] {
        if chance(random, percent) {
            writeln!(out, "{key} = \"c{}\"", random.u8(0..CHAINS)).unwrap();
        }
    }
}

fn bridge(random: &mut Rng, homes: &Homes, n: u8, out: &mut String) {
    writeln!(out, "[bridge.b{n}]").unwrap();
    let (up, aware) = (chance(random, 96), chance(random, 30));
    writeln!(out, "up = {up}\nvlan_aware = {aware}").unwrap();
    filters(random, 12, out);
    let mut asked: Vec<u8> = (0..random.u8(0..3)).map(|_| random.u8(1..=PORTS)).collect();
    asked.sort_unstable();
    asked.dedup();
    let entries: Vec<String> = asked
        .into_iter()
        .map(Station::new)
        .map(|of| format!("\"{}\" = \"{}\"", of.v4, of.mac))
        .collect();
    writeln!(out, "arp = {{ {} }}", entries.join(", ")).unwrap();
    let here = |of: &u8| homes[usize::from(*of) - 1] == n;
    let ports: Vec<u8> = (1..=PORTS).filter(here).collect();
    if let Some(port) = random.choice(&ports)
        && chance(random, 30)
    {
        let mac = station(random).mac;
        writeln!(
            out,
            "[[bridge.b{n}.mac]]\nmac = \"{mac}\"\nport = \"p{port}\""
        )
        .unwrap();
    }
    if chance(random, 70) {
        let subnet = format!("bridge.b{n}.subnet.\"10.0.0.0/24\"");
        writeln!(
            out,
            "[{subnet}]\ngateway = \"10.0.0.254\"\nserver = \"10.0.0.200\""
        )
        .unwrap();
        for of in ports.iter().filter(|_| chance(random, 50)) {
            let host = Station::new(*of);
            writeln!(
                out,
                "[{subnet}.host.\"{}\"]\naddress = \"{}\"",
                host.mac, host.v4
            )
            .unwrap();
        }
    }
    for of in ports {
        port(random, n, of, out);
    }
}

fn port(random: &mut Rng, bridge: u8, n: u8, out: &mut String) {
    writeln!(
        out,
        "[bridge.b{bridge}.port.p{n}]\nup = {}",
        chance(random, 94)
    )
    .unwrap();
    filters(random, 45, out);
    let groups = (0..GROUPS).filter(|_| chance(random, 40));
    let groups: Vec<String> = groups.map(|group| format!("\"g{group}\"")).collect();
    writeln!(out, "groups = [{}]", groups.join(", ")).unwrap();
    if chance(random, 30) {
        let own = Station::new(n);
        let pair = |prefix: String| format!("{{ mac = \"{}\", prefix = \"{prefix}\" }}", own.mac);
        let mut pairs = vec![pair(own.v4.to_string()), pair(own.v6.to_string())];
        if chance(random, 20) {
            pairs.push(pair(prefix_v4(random)));
            pairs.sort();
            pairs.dedup();
        }
        writeln!(out, "security = [{}]", pairs.join(", ")).unwrap();
    }
    writeln!(
        out,
        "bind = {{ host = \"host1\", interface = \"{}\" }}",
        tap(n)
    )
    .unwrap();
}
