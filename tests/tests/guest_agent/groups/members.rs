//! A large address group: one member more or less costs by the flows that it touches.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use weft_ovs::{Datapath, KernelDatapath, OpenMode};
use weft_tests::frames::{Carries, Family, Station, frame, is};
use weft_tests::peer::Peer;
use weft_tests::site::{DATAPATH, Site};
use weft_tests::wait;

use super::{FAMILIES, LIMIT, Machine, delivers, machine};

const GROUP: &str = "6d656d62-6572-4700-8000-000000000001";
/// Members of each family.
const MEMBERS: u16 = 2_500;
/// Members of each family that talk.
const LIVE: u16 = 100;
/// Writes, and flows judged, beside those of the flow that a member touches: its other pass, a neighbour's.
const BESIDE: u64 = 6;
/// Often enough that no flow leaves because it is idle, which it is after ten seconds.
const ROUND: Duration = Duration::from_secs(2);
const CARRIES: Carries = Carries::Udp(4_000, 53);

/// The n-th member; from [`MEMBERS`] on none.
fn remote(n: u16, mac: Station) -> Station {
    let [high, low] = (n / 250 * 256 + n % 250 + 1).to_be_bytes();
    Station {
        v4: Ipv4Addr::new(10, 1, high, low),
        v6: Ipv6Addr::new(0xfd01, 0, 0, 0, 0, 0, 0, n),
        ..mac
    }
}

/// Frames of all who talk, in both families.
fn crowd(from: &Machine, to: &Machine) -> Vec<Vec<u8>> {
    let of = |family| {
        (0..LIVE).map(move |n| {
            let station = remote(n, from.station);
            frame(family, &station, &to.station, CARRIES, b"weft").unwrap()
        })
    };
    FAMILIES.into_iter().flat_map(of).collect()
}

/// Whether a packet from this address gets through.
fn passes(a: &mut Machine, b: &mut Machine, family: Family, from: Station) -> bool {
    let to = b.station;
    let bytes = frame(family, &from, &to, CARRIES, b"weft").unwrap();
    delivers(&mut a.plugged.peer, &mut b.plugged.peer, &bytes, |bytes| {
        is(bytes, family, &from, &to, CARRIES)
    })
}

/// Writes to the flow table and flows judged so far.
fn costs(site: &Site) -> (u64, u64) {
    (
        site.flow_writes().unwrap(),
        site.counter("rechecks").unwrap(),
    )
}

/// Makes a change, waits until it is in force, and asserts that it touched next to nothing.
fn cheap(site: &Site, what: &str, change: impl FnOnce()) {
    let before = costs(site);
    change();
    site.sync().unwrap();
    let after = costs(site);
    let (writes, judged) = (after.0 - before.0, after.1 - before.1);
    assert!(writes <= 1 + BESIDE, "{what}: {writes} writes");
    assert!(judged <= 1 + BESIDE, "{what}: {judged} flows judged again");
}

#[test]
fn a_member_more_or_less_of_a_group_of_5000_costs_by_the_flows_that_it_touches() {
    let site = Site::start("groups-members").unwrap();
    let network = site.network("blue").unwrap();
    let some = Station::new(0);
    let all = |n| {
        let of = remote(n, some);
        [IpAddr::from(of.v4), of.v6.into()]
    };
    let members: Vec<IpAddr> = (0..MEMBERS).flat_map(all).collect();
    site.address_group(GROUP, &members).unwrap();
    let rule = json!({ "type": "accept", "nwProto": 17, "ipAddrGroupSrc": GROUP });
    let [mut a, mut b, mut c, d] =
        [1, 2, 3, 4].map(|n| machine(&site, &network, n, std::slice::from_ref(&rule)));
    site.sync().unwrap();
    let frames = crowd(&c, &d);
    let outsider = remote(MEMBERS, a.station);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let crowd = &mut c.plugged.peer;
        scope.spawn(|| keep_talking(crowd, &frames, &stop));
        let ends = Ends(&stop);
        let mut datapath = KernelDatapath::open(DATAPATH, OpenMode::Adopt).unwrap();
        wait::until("a flow for each who talks", LIMIT * 3, || {
            datapath.info().unwrap().flows >= u64::try_from(frames.len()).unwrap()
        })
        .unwrap();
        let path = format!("/ip_addr_groups/{GROUP}/ip_addrs");
        for family in FAMILIES {
            let address = outsider.addr(family);
            assert!(!passes(&mut a, &mut b, family, outsider), "{family:?}");
            cheap(&site, "one more", || {
                site.rest
                    .create(&path, &json!({ "addr": address }))
                    .map(drop)
                    .unwrap();
            });
            assert!(passes(&mut a, &mut b, family, outsider), "{family:?}");
            cheap(&site, "one less", || {
                site.rest.delete(&format!("{path}/{address}")).unwrap()
            });
            assert!(!passes(&mut a, &mut b, family, outsider), "{family:?}");
            // Of those who talk one is touched, and the others are not.
            let first = remote(0, a.station).addr(family);
            cheap(&site, "one who talks less", || {
                site.rest.delete(&format!("{path}/{first}")).unwrap();
            });
            let first = remote(0, a.station);
            assert!(!passes(&mut a, &mut b, family, first), "{family:?}");
            let second = remote(1, a.station);
            assert!(passes(&mut a, &mut b, family, second), "{family:?}");
        }
        drop(ends);
    });
}

/// Sends what there is, round after round.
fn keep_talking(peer: &mut Peer, frames: &[Vec<u8>], stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        for frame in frames {
            peer.send_raw(frame).unwrap();
        }
        std::thread::park_timeout(ROUND);
    }
}

/// Ends the thread beside, also when an assertion fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
