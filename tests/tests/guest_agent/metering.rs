//! A port that floods what the agent answers, or what the kernel puts together, is held back by the kernel's meters;
//! its neighbours do not notice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use weft_flowsim::{Metered, PuntClass};
use weft_ovs::{Datapath, KernelDatapath, Meters, OpenMode};
use weft_tests::cloud;
use weft_tests::dhcp;
use weft_tests::peer::Peer;
use weft_tests::site::{DATAPATH, Site, mac};
use weft_tests::wait;

const LIMIT: Duration = Duration::from_secs(40);
/// Packets a second and class.
const RATE: usize = 50;
const CLASSES: [PuntClass; 2] = [PuntClass::Arp, PuntClass::Dhcp];

/// Whether a frame is a service's answer.
type IsAnswer = fn(&[u8]) -> bool;

fn drops(site: &Site, port: &str) -> BTreeMap<String, usize> {
    let drops = site.weft_json(&["show", "drops", "--port", port]).unwrap();
    let of = |drop: &serde_json::Value| {
        let reason = drop["reason"].as_str().unwrap().to_owned();
        (reason, drop["packets"].as_u64().unwrap() as usize)
    };
    drops.as_array().unwrap().iter().map(of).collect()
}

/// Who has 10.0.0.2?
fn arp_request(from: &Peer) -> Vec<u8> {
    let mac = from.mac.octets();
    let parts: [&[u8]; 6] = [
        &[0xff; 6],
        &mac,
        &[0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1],
        &mac,
        &[10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 22],
        &[0; 18],
    ];
    parts.concat()
}

/// What a flood brought: how much was sent, how much was answered, how long it took.
struct Flood {
    sent: usize,
    answered: usize,
    took: Duration,
}

/// Sends a frame again and again until something is done, and takes the answers.
fn flood(peer: &mut Peer, frame: &[u8], is_answer: fn(&[u8]) -> bool, done: &AtomicBool) -> Flood {
    let (began, mut sent, mut answered) = (Instant::now(), 0, 0);
    peer.drain();
    while sent < 60 * RATE || !done.load(Ordering::Relaxed) {
        for _ in 0..RATE {
            peer.send_raw(frame).unwrap();
        }
        sent += RATE;
        while peer.receive_where(Duration::ZERO, is_answer).is_some() {
            answered += 1;
        }
    }
    while peer
        .receive_where(Duration::from_secs(2), is_answer)
        .is_some()
    {
        answered += 1;
    }
    Flood {
        sent,
        answered,
        took: began.elapsed(),
    }
}

#[test]
fn a_flood_for_a_service_reaches_the_agent_at_its_rate_and_a_neighbour_is_served_meanwhile() {
    let limits = format!("[limits]\npunts_per_port = {RATE}\n");
    let mut site = Site::start_with("metering", &limits).unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    for (mac, address) in [(a.peer.mac, "10.0.0.21"), (b.peer.mac, "10.0.0.22")] {
        cloud::dhcp_host(&site.rest, &network, &mac.to_string(), address).unwrap();
    }
    site.sync().unwrap();
    let is_arp = |frame: &[u8]| frame.get(12..14) == Some(&[0x08, 0x06]);
    let is_dhcp = |frame: &[u8]| frame.get(34..36) == Some(&67_u16.to_be_bytes());
    let discover = dhcp::discover(&a.peer).unwrap();
    let request = arp_request(&a.peer);
    for class in CLASSES {
        let (frame, is_answer): (&[u8], IsAnswer) = match class {
            PuntClass::Arp => (&request, is_arp),
            _ => (&discover, is_dhcp),
        };
        let name = Metered::Punt(class).name();
        let counted = || {
            let drops = drops(&site, &a.port);
            let of = |reason: &str| drops.get(reason).copied().unwrap_or(0);
            (of(name), of("punt-limit"))
        };
        // Its answer shows that the flow is there.
        a.peer.send_raw(frame).unwrap();
        assert!(a.peer.sees(LIMIT, is_answer), "{class:?} is not answered");
        let (_, before) = counted();
        let done = AtomicBool::new(false);
        let (seen, leased) = std::thread::scope(|scope| {
            let flooding = scope.spawn(|| flood(&mut a.peer, frame, is_answer, &done));
            let leased = dhcp::lease(&mut b.peer);
            done.store(true, Ordering::Relaxed);
            (flooding.join().unwrap(), leased)
        });
        assert_eq!(leased.unwrap().to_string(), "10.0.0.22");
        // The process limits by the same rate, with a clock of its own.
        let adds_up = wait::until("every packet to be accounted for", LIMIT, || {
            let (metered, limited) = counted();
            seen.sent == seen.answered + metered + limited - before
        });
        let (metered, limited) = counted();
        assert!(
            adds_up.is_ok(),
            "{class:?}: {} sent, {} answered, {metered} metered, {} limited, {:?}\n{}",
            seen.sent,
            seen.answered,
            limited - before,
            drops(&site, &a.port),
            site.agent.log()
        );
        let most = RATE * (2 + seen.took.as_secs() as usize);
        assert!(seen.answered <= most, "{} answered", seen.answered);
        assert!(
            metered > seen.sent / 4,
            "{metered} of {} metered",
            seen.sent
        );
    }
    let by_meters = |site: &Site| {
        let mut drops = drops(site, &a.port);
        drops.retain(|reason, _| reason.starts_with("meter-"));
        drops
    };
    let counted = by_meters(&site);
    assert!(!drops(&site, &b.port).contains_key("meter-arp"));

    // An agent that is killed finds the meters, and what they have counted; with the port they go.
    site.agent.kill();
    site.agent.start_again().unwrap();
    site.agent_is_ready().unwrap();
    assert_eq!(by_meters(&site), counted);
    let number = number_of("tap-a");
    let there = || {
        let mut datapath = KernelDatapath::open(DATAPATH, OpenMode::Adopt).unwrap();
        Metered::ALL.map(|metered| datapath.meter(metered.meter(number)).unwrap().is_some())
    };
    assert_eq!(there(), [true; 5]);
    site.vif(&["unplug", "--interface", "tap-a"]).unwrap();
    wait::until("the meters to go", LIMIT, || there() == [false; 5]).unwrap();
}

fn number_of(tap: &str) -> u32 {
    let mut datapath = KernelDatapath::open(DATAPATH, OpenMode::Adopt).unwrap();
    let ports = datapath.ports().unwrap();
    ports.iter().find(|port| port.name == tap).unwrap().port_no
}
