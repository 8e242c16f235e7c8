//! A backup is restored while an agent follows the service.

use reqwest::Method;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::machine::Host;
use crate::until;

/// Keeps what the service has.
fn backup(cloud: &Cloud) -> String {
    let (status, text) = cloud.call(Method::GET, "/weft/v1/backup", Value::Null);
    assert_eq!(status, 200, "{text}");
    text
}

/// Looks, and then restores. Returns what was said.
fn restore(cloud: &Cloud, text: &str) -> Value {
    let post = |query: &str| {
        let path = format!("/weft/v1/restore{query}");
        let (status, answer) = cloud.send(&path, text.to_owned());
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str::<Value>(&answer).unwrap()
    };
    let found = post("");
    post(&format!("?plan={}", found["plan"].as_str().unwrap()))
}

#[test]
fn what_was_deleted_is_carried_again_and_what_came_later_goes() {
    let cloud = Cloud::start();
    let mut host = Host::new(&cloud.url());
    let tap = host.add_tap("tap1");
    host.add_tap("tap2");
    let bridge = cloud.bridge();
    let port = cloud.port(&bridge);
    host.plug(&port, "tap1").unwrap();
    until("the port to be active", || cloud.is_active(&port));
    let kept = backup(&cloud);
    let revision = cloud.show("/weft/v1/sync").unwrap()["revision"]
        .as_u64()
        .unwrap();

    // Somebody deletes the network, and makes another.
    cloud.delete(&format!("/bridges/{bridge}"));
    until("the port to go", || host.vports().is_empty());
    let later = cloud.port(&cloud.bridge());
    host.plug(&later, "tap2").unwrap();

    let said = restore(&cloud, &kept);
    assert_eq!(said["applied"], true);
    assert!(
        said["revision"].as_u64().unwrap() > revision,
        "it counts on"
    );
    until("the port to be carried again", || host.vports() == ["tap1"]);
    until("the port to be active again", || cloud.is_active(&port));
    until("all to be in force", || cloud.is_in_force());
    assert_eq!(cloud.place(&port).unwrap(), (host.id(), "tap1".to_owned()));
    assert!(cloud.show(&format!("/ports/{later}")).is_none());
    assert_eq!(host.status()["revisionInForce"], said["revision"]);
    // The agent goes on as ever.
    host.remove_tap(tap);
    until("the port to be inactive", || !cloud.is_active(&port));
}

#[test]
fn a_service_that_lost_its_store_is_restored_under_agents_that_go_on() {
    let mut cloud = Cloud::start();
    let mut host = Host::new(&cloud.url());
    host.add_tap("tap1");
    let port = cloud.port(&cloud.bridge());
    host.plug(&port, "tap1").unwrap();
    until("the port to be active", || cloud.is_active(&port));
    let kept = backup(&cloud);
    cloud.down();
    cloud.forget_all();
    cloud.up();
    host.follows(true);
    restore(&cloud, &kept);
    until("the port to be active again", || {
        cloud
            .show(&format!("/ports/{port}"))
            .is_some_and(|port| port["active"] == true)
    });
    until("all to be in force", || cloud.is_in_force());
    assert_eq!(host.vports(), ["tap1"]);
    let hosts = cloud.show("/hosts").unwrap();
    assert_eq!(hosts.as_array().unwrap().len(), 1, "the host is who it was");
}

#[test]
fn where_a_port_has_moved_to_since_the_backup_it_stays() {
    let cloud = Cloud::start();
    let mut host = Host::new(&cloud.url());
    host.add_tap("tap1");
    host.follows(true);
    let port = cloud.port(&cloud.bridge());
    let kept = backup(&cloud);
    host.plug(&port, "tap1").unwrap();
    until("the port to be active", || cloud.is_active(&port));
    let said = restore(&cloud, &kept);
    assert_eq!(said["bindingsKept"], 1);
    assert_eq!(
        said["hostsKept"],
        serde_json::json!([]),
        "the backup knows the host"
    );
    assert!(cloud.is_active(&port));
    assert_eq!(host.vports(), ["tap1"]);
}
