//! Plug and unplug with the service there.

use std::sync::atomic::Ordering;

use serde_json::json;
use weft_agent::hot::Event;

use crate::cloud::Cloud;
use crate::machine::{Host, answer, port_of};
use crate::until;

#[test]
fn a_plug_is_done_when_the_kernel_and_the_service_have_it_and_an_unplug_undoes_both() {
    let cloud = Cloud::start();
    let port = cloud.port(&cloud.bridge());
    let mut host = Host::new(&cloud.url());
    host.follows(true);
    host.add_tap("tap1");
    let done = host.plug(&port, "tap1").unwrap();
    assert_eq!(done["number"], 1);
    assert_eq!(host.vports(), ["tap1"]);
    assert_eq!(host.state("tap1").as_deref(), Some("active"));
    assert_eq!(cloud.place(&port), Some((host.id(), "tap1".to_owned())));
    until("the service to call it active", || cloud.is_active(&port));
    // Again: nothing changes.
    assert_eq!(host.plug(&port, "tap1").unwrap(), done);
    host.unplug("tap1");
    assert_eq!(host.vports(), [""; 0]);
    assert_eq!(cloud.place(&port), None);
    assert_eq!(host.state("tap1"), None);
    host.unplug("tap1");
    host.unplug("nobody");
    let id = port_of(&port);
    assert_eq!(host.told.take(), [format!("+{id}"), format!("-{id}")]);
}

#[test]
fn plug_and_unplug_again_and_again_end_as_the_last_one_says() {
    let cloud = Cloud::start();
    let bridge = cloud.bridge();
    let (one, two) = (cloud.port(&bridge), cloud.port(&bridge));
    let mut host = Host::new(&cloud.url());
    host.follows(true);
    host.add_tap("tap1");
    host.add_tap("tap2");
    for (port, interface) in [
        (&one, "tap1"),
        (&one, "tap2"),
        (&two, "tap2"),
        (&two, "tap1"),
        (&one, "tap1"),
    ] {
        // Neither waits for the end of the one before it.
        let plugging = host.plugging(port, interface, 15_000);
        until("it to be taken", || host.state(interface).is_some());
        host.unplug(interface);
        let meanwhile = answer(plugging).1;
        assert!(meanwhile.is_ok() || meanwhile.unwrap_err().code == "conflict");
    }
    host.plug(&one, "tap2").unwrap();
    host.plug(&two, "tap1").unwrap();
    assert_eq!(cloud.place(&one), Some((host.id(), "tap2".to_owned())));
    assert_eq!(cloud.place(&two), Some((host.id(), "tap1".to_owned())));
    assert_eq!(host.vports(), ["tap1", "tap2"]);
    // And stays so.
    host.restart();
    host.follows(true);
    until("both to be in force", || cloud.is_in_force());
    assert_eq!(host.vports(), ["tap1", "tap2"]);
    assert_eq!(cloud.place(&one), Some((host.id(), "tap2".to_owned())));
}

#[test]
fn of_two_plugs_of_one_port_one_wins_and_the_other_is_told_by_whom() {
    let cloud = Cloud::start();
    let port = cloud.port(&cloud.bridge());
    let mut host = Host::new(&cloud.url());
    host.follows(true);
    host.add_tap("tap1");
    host.add_tap("tap2");
    let (one, two) = (
        host.plugging(&port, "tap1", 15_000),
        host.plugging(&port, "tap2", 15_000),
    );
    let (one, two) = (answer(one).1, answer(two).1);
    let (winner, lost) = match (one, two) {
        (Ok(_), Err(lost)) => ("tap1", lost),
        (Err(lost), Ok(_)) => ("tap2", lost),
        other => panic!("not one winner: {other:?}"),
    };
    assert_eq!(lost.code, "conflict");
    assert!(lost.message.contains(winner), "{}", lost.message);
    assert_eq!(host.vports(), [winner]);
}

#[test]
fn an_interface_that_the_store_gave_to_a_port_is_refused_to_another() {
    let cloud = Cloud::start();
    let bridge = cloud.bridge();
    let (one, two) = (cloud.port(&bridge), cloud.port(&bridge));
    let mut host = Host::new(&cloud.url());
    host.follows(true);
    host.add_tap("tap1");
    cloud.bind(&host.id(), &one, "tap1");
    until("it to be carried", || {
        host.state("tap1").as_deref() == Some("active")
    });
    let refused = host.plug(&two, "tap1").unwrap_err();
    assert_eq!(refused.code, "conflict");
    assert!(refused.message.contains(&one), "{}", refused.message);
    // What the store bound can be unplugged here.
    host.unplug("tap1");
    assert_eq!(cloud.place(&one), None);
}

#[test]
fn a_port_that_is_not_there_is_refused_and_nothing_of_it_stays() {
    let cloud = Cloud::start();
    let mut host = Host::new(&cloud.url());
    host.follows(true);
    host.add_tap("tap1");
    let port = uuid::Uuid::new_v4().to_string();
    let refused = host.plug(&port, "tap1").unwrap_err();
    assert_eq!(refused.code, "not_found");
    assert!(refused.message.contains(&port), "{}", refused.message);
    assert_eq!(host.state("tap1"), None);
    let left = std::fs::read_dir(host.state_dir().join("bindings")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn a_plug_that_comes_to_nothing_in_time_is_taken_back_unless_another_waits_for_it() {
    let cloud = Cloud::start();
    let port = cloud.port(&cloud.bridge());
    let mut host = Host::new(&cloud.url());
    host.follows(true);
    // The interface is not there.
    let (short, long) = (
        host.plugging(&port, "tap1", 150),
        host.plugging(&port, "tap1", 15_000),
    );
    let late = answer(short).1.unwrap_err();
    assert_eq!(late.code, "timed_out");
    assert!(
        late.message.contains("tap1 is not there"),
        "{}",
        late.message
    );
    host.add_tap("tap1");
    answer(long).1.unwrap();
    host.unplug("tap1");
    // The last one that waits gives up.
    let late = answer(host.plugging(&port, "tap2", 0)).1.unwrap_err();
    assert_eq!(late.code, "timed_out");
    until("the port to be given back", || {
        cloud.place(&port).is_none() && host.state("tap2").is_none()
    });
}

#[test]
fn a_plug_of_a_network_that_comes_late_is_not_in_force_before_it() {
    let cloud = Cloud::start();
    let port = cloud.port(&cloud.bridge());
    let mut host = Host::new(&cloud.url());
    host.follows(true);
    host.add_tap("tap1");
    host.told.is_slow.store(true, Ordering::Relaxed);
    host.plug(&port, "tap1").unwrap();
    assert!(!cloud.is_in_force(), "the workers are behind");
    host.told.catch_up();
    until("it to be in force", || cloud.is_in_force());
    let snapshot = host.told.snapshot.lock().unwrap().clone();
    let here = snapshot.port(port_of(&port)).here().unwrap();
    let bridge = here.bridge().unwrap();
    assert!(
        snapshot.bridge(bridge).here().is_some(),
        "in force without its bridge"
    );
    assert_eq!(snapshot.local_ports_of(bridge).count(), 1);
}

#[test]
fn what_a_simulation_lacks_is_asked_for() {
    let cloud = Cloud::start();
    let other = cloud.bridge();
    let host = Host::new(&cloud.url());
    host.follows(true);
    let id = weft_topology::id::BridgeId(other.parse().unwrap());
    host.told.say(Event::Missing(vec![id.into()]));
    until("the bridge to come", || {
        host.told
            .snapshot
            .lock()
            .unwrap()
            .bridge(id)
            .here()
            .is_some()
    });
}

#[test]
fn a_port_is_unbound_by_its_id_and_found_by_a_part_of_it() {
    let cloud = Cloud::start();
    let port = cloud.port(&cloud.bridge());
    let mut host = Host::new(&cloud.url());
    host.follows(true);
    host.add_tap("tap1");
    host.plug(&port, "tap1").unwrap();
    let find = |prefix: &str| {
        let request = json!({"v": 1, "verb": "find_port", "prefix": prefix});
        host.ask(request).1.map_err(|refused| refused.code)
    };
    assert_eq!(find(&port[..11]), Ok(json!(port)));
    assert_eq!(find(&port.to_uppercase()), Ok(json!(port)));
    assert_eq!(find(&port[..7]), Err("bad_request".to_owned()));
    assert_eq!(find(&"a".repeat(37)), Err("bad_request".to_owned()));
    assert_eq!(find("../../..//"), Err("bad_request".to_owned()));
    assert_eq!(find("00000000"), Err("not_found".to_owned()));
    for _ in 0..2 {
        let request = json!({"v": 1, "verb": "unbind_port", "port": port});
        host.ask(request).1.unwrap();
        assert_eq!((host.vports(), cloud.place(&port)), (vec![], None));
    }
}
