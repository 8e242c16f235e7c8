//! Every frame in is a frame out, or a drop with a name.

use std::collections::BTreeMap;
use std::time::Duration;

use weft_tests::site::{Plugged, Site, mac};
use weft_tests::wait;
use weft_topology::MacAddr;

const LIMIT: Duration = Duration::from_secs(40);

/// Packets dropped of those that came in by a port, by reason.
fn drops(site: &Site, port: &str) -> BTreeMap<String, u64> {
    let drops = site.weft_json(&["show", "drops", "--port", port]).unwrap();
    let of = |drop: &serde_json::Value| {
        let reason = drop["reason"].as_str().unwrap().to_owned();
        (reason, drop["packets"].as_u64().unwrap())
    };
    drops.as_array().unwrap().iter().map(of).collect()
}

fn times(count: usize, mut send: impl FnMut()) {
    (0..count).for_each(|_| send());
}

/// A frame of `a`'s with another source or a tag.
fn raw(a: &mut Plugged, to: MacAddr, from: MacAddr, rest: &[u8]) {
    let frame = [&to.octets()[..], &from.octets(), rest].concat();
    a.peer.send_raw(&frame).unwrap();
}

#[test]
fn frames_in_are_frames_out_and_drops_by_name_across_changes_of_their_flows() {
    let site = Site::start("accounts").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    b.peer.drain();
    let to = b.peer.mac;
    let unicast = |a: &mut Plugged| a.peer.send(to, 0x88b5, b"counted").unwrap();
    let group = MacAddr(3, 0, 0, 0, 0, 9);
    let control = MacAddr(1, 0x80, 0xc2, 0, 0, 0);

    times(200, || unicast(&mut a));
    times(50, || {
        raw(&mut a, to, mac(1), &[0x81, 0, 0, 5, 0x88, 0xb5, 1, 2])
    });
    times(30, || raw(&mut a, control, mac(1), &[0x88, 0xb5, 1, 2]));
    times(20, || raw(&mut a, mac(1), mac(1), &[0x88, 0xb5, 1, 2]));
    times(10, || raw(&mut a, to, group, &[0x88, 0xb5, 1, 2]));
    assert_eq!(received(&mut b), 200);
    let mut wanted = BTreeMap::from([
        ("tagged".to_owned(), 50),
        ("link-local-control".to_owned(), 30),
        ("hairpin".to_owned(), 20),
        ("source-is-group".to_owned(), 10),
    ]);
    comes_to(&site, &a.port, &wanted);

    // The flow to b turns into a drop and back: each packet counts for what was done with it.
    site.set_port_up(&b.port, false).unwrap();
    site.sync().unwrap();
    times(40, || unicast(&mut a));
    site.set_port_up(&b.port, true).unwrap();
    site.sync().unwrap();
    times(60, || unicast(&mut a));
    assert_eq!(received(&mut b), 60);
    wanted.insert("egress-down".to_owned(), 40);
    comes_to(&site, &a.port, &wanted);

    // Flows that leave take nothing with them and add nothing.
    wait::until("idle flows to leave", LIMIT, || {
        site.flows().is_ok_and(|flows| flows.is_empty())
    })
    .unwrap();
    assert_eq!(drops(&site, &a.port), wanted);
}

/// How many of the frames that were sent to it it has, once no more come.
fn received(b: &mut Plugged) -> usize {
    let counted = |frame: &[u8]| frame.get(14..21) == Some(b"counted");
    let mut count = 0;
    while b
        .peer
        .receive_where(Duration::from_secs(1), counted)
        .is_some()
    {
        count += 1;
    }
    count
}

fn comes_to(site: &Site, port: &str, wanted: &BTreeMap<String, u64>) {
    let sum = wait::until("the drops to be counted", LIMIT, || {
        drops(site, port) == *wanted
    });
    assert!(sum.is_ok(), "{:?}, want {wanted:?}", drops(site, port));
}
