//! Restarts: of the agent with a damaged disk, of the service with another store.

use std::fs;

use serde_json::json;
use weft_topology::Object;

use crate::cloud::Cloud;
use crate::machine::Host;
use crate::until;

#[test]
fn a_damaged_disk_costs_what_is_damaged_alone() {
    let cloud = Cloud::start();
    let bridge = cloud.bridge();
    let (one, two) = (cloud.port(&bridge), cloud.port(&bridge));
    let mut host = Host::new(&cloud.url());
    host.follows(true);
    for (port, interface) in [(&one, "tap1"), (&two, "tap2")] {
        host.add_tap(interface);
        host.plug(port, interface).unwrap();
    }
    host.stop();
    fs::write(host.state_dir().join("snapshot.json"), "{\"v\":1").unwrap();
    fs::write(host.state_dir().join("bindings/tap1.json"), "").unwrap();
    host.start();
    // The service knows it all.
    until("both to be carried", || host.vports() == ["tap1", "tap2"]);
    assert_eq!(cloud.place(&one), Some((host.id(), "tap1".to_owned())));
    host.unplug("tap1");
    assert_eq!(cloud.place(&one), None);
}

#[test]
fn a_store_that_is_made_anew_is_followed_and_asked_again() {
    let mut cloud = Cloud::start();
    let bridge = cloud.bridge();
    let (one, two) = (cloud.port(&bridge), cloud.port(&bridge));
    let mut host = Host::new(&cloud.url());
    host.follows(true);
    for (port, interface) in [(&one, "tap1"), (&two, "tap2")] {
        host.add_tap(interface);
        host.plug(port, interface).unwrap();
    }
    cloud.down();
    host.follows(false);
    cloud.forget_all();
    cloud.up();
    // The host is unknown there, its ports are; one of them is made again by who runs the cloud.
    until("what is no more to stop", || host.vports().is_empty());
    until("the host to be known", || {
        cloud.show(&format!("/hosts/{}", host.id())).is_some()
    });
    until("the plugs to be asked for, and refused", || {
        ["tap1", "tap2"]
            .iter()
            .all(|tap| host.state(tap).as_deref() == Some("failed"))
    });
    let bridge = cloud.bridge();
    let body = json!({"id": one, "type": "Bridge"});
    let path = format!("/bridges/{bridge}/ports");
    assert_eq!(cloud.call(reqwest::Method::POST, &path, body).0, 201);
    host.plug(&one, "tap1").unwrap();
    assert_eq!(cloud.place(&one), Some((host.id(), "tap1".to_owned())));
    host.unplug("tap2");
    assert_eq!(host.state("tap2"), None);
    until("everything to be in force", || cloud.is_in_force());
}

#[test]
fn a_store_from_a_backup_is_asked_again_what_it_has_forgotten() {
    let mut cloud = Cloud::start();
    let bridge = cloud.bridge();
    let (one, two) = (cloud.port(&bridge), cloud.port(&bridge));
    let mut host = Host::new(&cloud.url());
    host.follows(true);
    host.add_tap("tap1");
    host.add_tap("tap2");
    host.plug(&one, "tap1").unwrap();
    cloud.down();
    let backup = cloud.store().with_extension("backup");
    fs::copy(cloud.store(), &backup).unwrap();
    cloud.up();
    host.follows(true);
    // Done after the backup.
    host.plug(&two, "tap2").unwrap();
    cloud.down();
    fs::rename(&backup, cloud.store()).unwrap();
    cloud.up();
    until("the store to have both", || {
        cloud.place(&one) == Some((host.id(), "tap1".to_owned()))
            && cloud.place(&two) == Some((host.id(), "tap2".to_owned()))
    });
    until("everything to be in force", || cloud.is_in_force());
    assert_eq!(host.vports(), ["tap1", "tap2"]);
}

#[test]
fn what_is_in_force_is_on_disk() {
    let cloud = Cloud::start();
    let bridge = cloud.bridge();
    let port = cloud.port(&bridge);
    let mut host = Host::new(&cloud.url());
    host.follows(true);
    host.add_tap("tap1");
    host.plug(&port, "tap1").unwrap();
    let path = host.state_dir().join("snapshot.json");
    for round in 0..30 {
        let name = format!("blue-{round}");
        let at = format!("/bridges/{bridge}");
        let body = json!({"id": bridge, "name": name});
        let (status, text) = cloud.call(reqwest::Method::PUT, &at, body);
        assert!((200..300).contains(&status), "{status} {text}");
        until("the name to be in force", || cloud.is_in_force());
        let stored = weft_agent::snapshot::load(&path).unwrap();
        let mut objects = stored.objects.iter();
        let is_there = objects.any(|of| matches!(of, Object::Bridge(of) if of.name == name));
        assert!(is_there, "{name} is in force, and a restart would undo it");
    }
}

#[test]
fn what_the_vif_driver_left_on_disk_is_taken_up_whenever_it_is_left() {
    let cloud = Cloud::start();
    let bridge = cloud.bridge();
    let (one, two) = (cloud.port(&bridge), cloud.port(&bridge));
    let mut host = Host::new(&cloud.url());
    host.add_tap("tap1");
    host.add_tap("tap2");
    let leave = |host: &Host, interface: &str, port: &str, wish: &str| {
        let file = json!({"v": 1, "interface": interface, "port": port, "wish": wish});
        let path = host.state_dir().join(format!("bindings/{interface}.json"));
        weft_agent::files::write_whole(&path, file.to_string().as_bytes()).unwrap();
    };
    host.stop();
    leave(&host, "tap1", &one, "plugged");
    host.start();
    until("the first to be carried", || host.vports() == ["tap1"]);
    leave(&host, "tap2", &two, "plugged");
    until("the second to be carried", || {
        host.vports() == ["tap1", "tap2"]
    });
    leave(&host, "tap1", &one, "unplugged");
    until("the first to be let go", || {
        host.vports() == ["tap2"] && cloud.place(&one).is_none()
    });
    let left = || {
        fs::read_dir(host.state_dir().join("bindings"))
            .unwrap()
            .count()
    };
    until("its file to go", || left() == 1);
}
