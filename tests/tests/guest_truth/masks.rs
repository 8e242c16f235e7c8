//! Masks and flows, for real: what a port scan and thousands of random sources leave in the kernel's table, by the
//! kernel's own dump, and whose flows a port's quota takes.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use fastrand::Rng;
use weft_flow::{Field, Ufid};
use weft_ovs::{Datapath, DumpedFlow};
use weft_tests::frames::{Carries, Family, Station, frame};
use weft_tests::share::share;

use super::stage::Stage;
use super::topology::{PORTS, tap};
use super::{datapath, flows, say, seed};

/// Masks that there may be on a datapath, whatever is sent.
const MASKS: u32 = 64;
/// Flows that a port may have in this test.
const QUOTA: usize = 1_000;
/// Who scans, and whom.
const HOSTILE: u8 = 1;
const VICTIM: u8 = 2;
/// Machines beside them that talk to one another all the while.
const NEIGHBOURS: [u8; 4] = [3, 4, 5, 6];
/// Packets between two waits for the agent, which must not lose any.
const BURST: usize = 200;

/// A security group with rules of ports, of prefixes and of a group of single addresses.
fn topology(random: &mut Rng) -> String {
    let mut members = BTreeSet::new();
    for _ in 0..150 {
        members.insert(Ipv4Addr::from_bits(random.u32(..)).to_string());
        members.insert(Ipv6Addr::from_bits(random.u128(..)).to_string());
    }
    let members: Vec<String> = members.iter().map(|it| format!("\"{it}\"")).collect();
    let mut out = format!(
        r#"name = "truth"
[address_group.office]
addresses = [{}]
[chain.group]
[[chain.group.rule]]
action = "accept"
when = {{ reply = true }}
[[chain.group.rule]]
action = "accept"
when = {{ protocol = "tcp", destination_port = 80 }}
[[chain.group.rule]]
action = "accept"
when = {{ protocol = "tcp", destination_port = "8000-8099", source = "10.0.0.0/8" }}
[[chain.group.rule]]
action = "accept"
when = {{ protocol = "udp", source_group = "office" }}
[[chain.group.rule]]
action = "drop"
when = {{ ether_type = "ipv4" }}
[[chain.group.rule]]
action = "drop"
when = {{ ether_type = "ipv6" }}
[bridge.b0]
"#,
        members.join(", ")
    );
    for n in 1..=PORTS {
        let filter = if n == VICTIM {
            "outbound = \"group\"\n"
        } else {
            ""
        };
        let bind = format!("bind = {{ host = \"host1\", interface = \"{}\" }}", tap(n));
        writeln!(out, "[bridge.b0.port.p{n}]\n{filter}{bind}").unwrap();
    }
    out
}

/// Every neighbour sends to every other, and has a flow for it.
fn neighbours_talk(stage: &mut Stage) {
    for from in NEIGHBOURS {
        for to in NEIGHBOURS.into_iter().filter(|to| *to != from) {
            let to = Station::new(to).mac;
            stage.peer(from).send(to, 0x88b5, b"neighbours").unwrap();
        }
    }
}

/// The flows of the neighbours.
fn of_neighbours(stage: &Stage) -> BTreeMap<Ufid, DumpedFlow> {
    let numbers: HashSet<u32> = NEIGHBOURS.iter().map(|n| stage.numbers[n]).collect();
    let theirs = |flow: &DumpedFlow| {
        let number = flow.key.u32(Field::InPort);
        // Greetings come only once.
        let is_group = flow.key.get_or_zero(Field::EthDst) >> 40 & 1 == 1;
        !is_group && number.is_some_and(|number| numbers.contains(&number))
    };
    let found = flows().into_iter().filter(theirs);
    found.filter_map(|flow| Some((flow.ufid?, flow))).collect()
}

/// What the kernel's table has.
#[derive(Debug)]
struct Table {
    masks: u32,
    /// Flows of the one that scans.
    hostile: usize,
    /// Different masks among them.
    different: usize,
}

fn table(stage: &Stage) -> Table {
    let number = stage.numbers[&HOSTILE];
    let all = flows();
    let hostile = all
        .iter()
        .filter(|flow| flow.key.u32(Field::InPort) == Some(number));
    let mut different: Vec<_> = Vec::new();
    for flow in &all {
        if !different.contains(&&flow.mask) {
            different.push(&flow.mask);
        }
    }
    Table {
        masks: datapath().info().unwrap().masks,
        hostile: hostile.count(),
        different: different.len(),
    }
}

/// Sends packets, each of which may come up, and looks at the kernel's table again and again.
fn send(stage: &mut Stage, what: &str, packets: impl Iterator<Item = Vec<u8>>) -> usize {
    let (mut sent, mut most) = (0, 0);
    let mut packets = packets.peekable();
    while packets.peek().is_some() {
        for bytes in packets.by_ref().take(BURST) {
            stage.peer(HOSTILE).send_raw(&bytes).unwrap();
            sent += 1;
        }
        neighbours_talk(stage);
        stage.settle(0).unwrap();
        stage.drain();
        let table = table(stage);
        assert!(
            table.masks <= MASKS && table.different <= MASKS as usize,
            "{what}: {table:?}"
        );
        // A write that makes room and one that takes it go out together.
        assert!(table.hostile <= QUOTA, "{what}: {table:?}");
        most = most.max(table.hostile);
    }
    say(&format!(
        "{what}: {sent} packets, {most} flows at most, {:?}",
        table(stage)
    ));
    most
}

#[test]
fn a_scan_and_random_sources_stay_within_64_masks_and_their_own_ports_flows() {
    let seed = seed();
    let mut random = Rng::with_seed(seed);
    let config = format!("[limits]\nflows_per_port = {QUOTA}\n");
    let mut stage = Stage::start_with("masks", &config);
    stage.apply(&topology(&mut random));
    stage.bound();
    let (x, v) = (Station::new(HOSTILE), Station::new(VICTIM));
    // Everybody is known.
    for n in 1..=PORTS {
        let mac = weft_topology::MacAddr::broadcast();
        stage.peer(n).send(mac, 0x88b5, b"here I am").unwrap();
    }
    stage.settle(0).unwrap();
    for _ in 0..2 {
        neighbours_talk(&mut stage);
        stage.settle(0).unwrap();
    }
    stage.drain();
    let before = of_neighbours(&stage);
    assert!(
        before.len() >= NEIGHBOURS.len() * (NEIGHBOURS.len() - 1),
        "{before:?}"
    );

    let ports = share("WEFT_SCAN", 4_000) as u16;
    let step = u16::MAX / ports;
    let scan = (0..ports).map(|n| {
        let carries = Carries::Tcp(4_000, n * step, "S", 1, 0);
        frame(Family::V4, &x, &v, carries, b"").unwrap()
    });
    let most = send(&mut stage, "port scan", scan);
    // A flow for each block of 1,024 ports, and for each port in the two blocks where rules name some.
    let wanted = usize::from(ports) / 32 + 64 + 16;
    assert!(
        most <= wanted.min(QUOTA),
        "a scan of ports takes {most} flows, want {wanted} at most"
    );

    let count = share("WEFT_SOURCES", 5_000);
    let mut draw = random.fork();
    let v4 = (0..count).map(|_| {
        let from = Station {
            v4: Ipv4Addr::from_bits(draw.u32(..)),
            ..x
        };
        let carries = Carries::Udp(4_000, 53);
        frame(Family::V4, &from, &v, carries, b"").unwrap()
    });
    send(&mut stage, "sources of IPv4", v4);
    let mut draw = random.fork();
    let v6 = (0..count).map(|_| {
        let from = Station {
            v6: Ipv6Addr::from_bits(draw.u128(..)),
            ..x
        };
        let carries = Carries::Udp(4_000, 53);
        frame(Family::V6, &from, &v, carries, b"").unwrap()
    });
    send(&mut stage, "sources of IPv6", v6);

    // The quota took from the one who sent, and from nobody else.
    let evicted = stage.counter("flows_evicted");
    assert!(evicted > 0, "so many sources must reach the quota");
    let (after, then) = (of_neighbours(&stage), datapath().info().unwrap());
    for (ufid, flow) in &before {
        let now = after
            .get(ufid)
            .unwrap_or_else(|| panic!("a neighbour lost {flow:?}"));
        assert_eq!(now.actions, flow.actions);
    }
    neighbours_talk(&mut stage);
    let met = of_neighbours(&stage);
    let talked = met.iter().filter(|(ufid, flow)| {
        let before = after.get(ufid).map_or(0, |flow| flow.stats.packets);
        flow.stats.packets == before + 1
    });
    assert_eq!(talked.count(), NEIGHBOURS.len() * (NEIGHBOURS.len() - 1));
    assert_eq!(
        datapath().info().unwrap().missed,
        then.missed,
        "a neighbour's packet came up"
    );
    assert_eq!(then.lost, 0);
    say(&format!("{evicted} flows evicted, WEFT_SEED={seed}"));
    stage.was_audited();
}
