//! Security groups on a real kernel.

mod connections;
mod cuts;
mod forged;
mod fragments;
mod guests;
mod impact;
mod keeping;
mod logging;
mod many;
mod members;
mod restart;
mod tools;
mod why;

use std::cell::Cell;
use std::time::Duration;

use serde_json::{Value, json};
use weft_tests::cloud::{self, Network};
use weft_tests::frames::{Carries, Family, Station, frame, is};
use weft_tests::peer::Peer;
use weft_tests::site::{Plugged, Site};
use weft_topology::MacAddr;

const LIMIT: Duration = Duration::from_secs(20);
/// Source of the frames that show that what was sent before them has been dealt with.
const MARKER: MacAddr = MacAddr(2, 0, 0, 0, 0, 0xff);
const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

thread_local! {
    static MARKERS: Cell<u16> = const { Cell::new(0x9000) };
}

/// A machine, its place and the chains of its port.
struct Machine {
    plugged: Plugged,
    station: Station,
    /// The chain of what goes to it, and the rules there.
    ingress: (String, Vec<String>),
}

/// A chain's beginning: markers, ARP, and answers to what was begun.
fn begins() -> Vec<Value> {
    vec![
        json!({ "type": "accept", "dlSrc": MARKER.to_string() }),
        json!({ "type": "accept", "nwSrcAddress": "10.0.0.99", "nwSrcLength": 32 }),
        json!({ "type": "accept", "dlType": 0x0806 }),
        json!({ "type": "accept", "matchReturnFlow": true }),
    ]
}

/// Plugs a machine that may begin anything and to which these rules let others.
fn machine(site: &Site, network: &Network, n: u8, rules: &[Value]) -> Machine {
    let station = Station::new(n);
    let plugged = site
        .plug(network, &format!("tap-{n}"), station.mac)
        .unwrap();
    let all = |more: &[Value]| [begins(), more.to_vec()].concat();
    let (egress, _) =
        cloud::chain(&site.rest, "egress", &all(&[json!({ "type": "accept" })])).unwrap();
    let rest = [rules.to_vec(), vec![json!({ "type": "drop" })]].concat();
    let ingress = cloud::chain(&site.rest, "ingress", &all(&rest)).unwrap();
    cloud::filter(&site.rest, &plugged.port, &egress, &ingress.0).unwrap();
    Machine {
        plugged,
        station,
        ingress,
    }
}

/// UDP to 53, TCP to 80, echo requests.
fn open_rules() -> Vec<Value> {
    let to = |protocol: u8, port: u16| json!({ "type": "accept", "nwProto": protocol, "tpDst": { "start": port, "end": port } });
    let echo = |protocol: u8, kind: u16| json!({ "type": "accept", "nwProto": protocol, "tpSrc": { "start": kind, "end": kind } });
    vec![to(17, 53), to(6, 80), echo(1, 8), echo(58, 128)]
}

/// Whether a frame gets from the one to the other. Two markers follow it, each one the first of its kind: the agent
/// judges the first after the frame's first pass, the second after its second.
fn delivers(from: &mut Peer, to: &mut Peer, bytes: &[u8], wanted: impl Fn(&[u8]) -> bool) -> bool {
    to.drain();
    from.send_raw(bytes).unwrap();
    let seen = Cell::new(false);
    dealt_with(from, to, |bytes| seen.set(seen.get() || wanted(bytes)));
    seen.get()
}

/// Waits until all that was sent from the one to the other is dealt with, and shows what arrives.
fn dealt_with(from: &mut Peer, to: &mut Peer, note: impl Fn(&[u8])) {
    for _ in 0..2 {
        let kind = MARKERS.with(|next| next.replace(next.get() + 1));
        let mut marker = [to.mac.octets(), MARKER.octets()].concat();
        marker.extend(kind.to_be_bytes());
        marker.extend([0; 46]);
        from.send_raw(&marker).unwrap();
        let came = to.sees(LIMIT, |bytes| {
            note(bytes);
            bytes == marker
        });
        assert!(came, "the marker is lost");
    }
}

/// Whether a packet of IP gets through.
fn passes(from: &mut Machine, to: &mut Machine, family: Family, carries: Carries) -> bool {
    let (one, other) = (from.station, to.station);
    let bytes = frame(family, &one, &other, carries, b"weft").unwrap();
    delivers(
        &mut from.plugged.peer,
        &mut to.plugged.peer,
        &bytes,
        |bytes| is(bytes, family, &one, &other, carries),
    )
}

/// What begins a connection that the rules allow, and what answers it.
fn connections() -> [(Carries, Carries); 3] {
    [
        (Carries::Udp(4_000, 53), Carries::Udp(53, 4_000)),
        (
            Carries::Tcp(4_000, 80, "S", 100, 0),
            Carries::Tcp(80, 4_000, "SA", 900, 101),
        ),
        (Carries::Echo(7), Carries::EchoReply(7)),
    ]
}
