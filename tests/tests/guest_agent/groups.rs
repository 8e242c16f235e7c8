//! Security groups on a real kernel: who may begin, who may answer, and what a rule that is taken away cuts.

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
    for _ in 0..2 {
        let kind = MARKERS.with(|next| next.replace(next.get() + 1));
        let mut marker = [to.mac.octets(), MARKER.octets()].concat();
        marker.extend(kind.to_be_bytes());
        marker.extend([0; 46]);
        from.send_raw(&marker).unwrap();
        let came = to.sees(LIMIT, |bytes| {
            seen.set(seen.get() || wanted(bytes));
            bytes == marker
        });
        assert!(came, "the marker is lost");
    }
    seen.get()
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

#[test]
fn who_is_let_in_is_answered_and_who_is_not_gets_nothing_through() {
    let site = Site::start("groups").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &[]);
    let mut b = machine(&site, &network, 2, &open_rules());
    site.sync().unwrap();
    for family in FAMILIES {
        for (begins, answers) in connections() {
            assert!(
                passes(&mut a, &mut b, family, begins),
                "{family:?} {begins:?}"
            );
            assert!(
                passes(&mut b, &mut a, family, answers),
                "{family:?} {answers:?}"
            );
        }
        for denied in [Carries::Udp(4_000, 54), Carries::Tcp(4_001, 81, "S", 1, 0)] {
            assert!(
                !passes(&mut a, &mut b, family, denied),
                "{family:?} {denied:?}"
            );
        }
        // Answers to what nobody asked, and what the other may not begin.
        let unasked = [
            Carries::Udp(53, 4_001),
            Carries::Tcp(80, 4_002, "SA", 900, 101),
            Carries::EchoReply(8),
            Carries::Udp(9_000, 53),
            Carries::Echo(9),
        ];
        for carries in unasked {
            assert!(
                !passes(&mut b, &mut a, family, carries),
                "{family:?} {carries:?}"
            );
        }
    }
    let trace = site.weft_json(&[
        "trace",
        &a.plugged.port,
        "src=02:00:00:00:00:01",
        "dst=02:00:00:00:00:02",
        "ip=10.0.0.1>10.0.0.2",
        "udp=4000>53",
    ]);
    if let Ok(trace) = trace {
        assert_eq!(trace["recirculations"], 1, "{trace}");
    }
}

#[test]
fn a_rule_that_is_taken_away_cuts_what_it_let_in_although_the_other_may_begin_anything() {
    let site = Site::start("cut").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &open_rules());
    let mut b = machine(&site, &network, 2, &open_rules());
    site.sync().unwrap();
    let [(udp, answer), (syn, syn_ack), _] = connections();
    let data = Carries::Tcp(4_000, 80, "A", 101, 901);
    let back = Carries::Tcp(80, 4_000, "A", 901, 101);
    for family in FAMILIES {
        assert!(passes(&mut a, &mut b, family, udp) && passes(&mut b, &mut a, family, answer));
        assert!(passes(&mut a, &mut b, family, syn) && passes(&mut b, &mut a, family, syn_ack));
        assert!(passes(&mut a, &mut b, family, data) && passes(&mut b, &mut a, family, back));
    }
    // UDP to 53 and TCP to 80.
    for rule in &b.ingress.1[3..5] {
        site.rest
            .send("DELETE", &format!("/rules/{rule}"), None)
            .unwrap();
    }
    site.sync().unwrap();
    for family in FAMILIES {
        for (from_b, from_a) in [(answer, udp), (back, data)] {
            assert!(
                !passes(&mut b, &mut a, family, from_b),
                "{family:?} {from_b:?} after the cut"
            );
            assert!(
                !passes(&mut a, &mut b, family, from_a),
                "{family:?} {from_a:?} after the cut"
            );
            assert!(
                !passes(&mut b, &mut a, family, from_b),
                "{family:?} {from_b:?} again"
            );
        }
        // What another rule lets in goes on.
        let (echo, reply) = connections()[2];
        assert!(passes(&mut a, &mut b, family, echo) && passes(&mut b, &mut a, family, reply));
    }
    assert!(site.counter("connections_cut").unwrap() >= 4);
    for (rule, position) in open_rules().iter().take(2).zip(4..) {
        cloud::rule(&site.rest, &b.ingress.0, position, rule).unwrap();
    }
    site.sync().unwrap();
    for family in FAMILIES {
        for (from_b, from_a) in [(answer, udp), (back, data)] {
            assert!(
                !passes(&mut b, &mut a, family, from_b),
                "{family:?}: nobody has asked again"
            );
            assert!(
                passes(&mut a, &mut b, family, from_a),
                "{family:?} {from_a:?} allowed again"
            );
            assert!(
                passes(&mut b, &mut a, family, from_b),
                "{family:?} {from_b:?} healed"
            );
        }
    }
}
