//! Ports that move between hosts, interfaces that come, go and change names.

use crate::cloud::Cloud;
use crate::machine::Host;
use crate::until;

fn scene() -> (Cloud, Host, String, u32) {
    let cloud = Cloud::start();
    let port = cloud.port(&cloud.bridge());
    let mut host = Host::new(&cloud.url());
    host.follows(true);
    let index = host.add_tap("tap1");
    host.plug(&port, "tap1").unwrap();
    (cloud, host, port, index)
}

#[test]
fn a_port_that_another_host_takes_is_let_go_and_can_come_back() {
    let (cloud, host, port, _) = scene();
    let other = cloud.bind_elsewhere(&port, "tap9");
    until("the port to be let go", || host.vports().is_empty());
    until("the wish to be forgotten", || host.state("tap1").is_none());
    assert_eq!(cloud.place(&port), Some((other, "tap9".to_owned())));
    host.plug(&port, "tap1").unwrap();
    assert_eq!(cloud.place(&port), Some((host.id(), "tap1".to_owned())));
    // By a REST client the next time.
    cloud.bind_elsewhere(&port, "tap9");
    until("the port to be let go", || host.vports().is_empty());
    cloud.bind(&host.id(), &port, "tap1");
    until("the port to be carried", || host.vports() == ["tap1"]);
}

#[test]
fn a_port_that_another_host_took_while_the_agent_was_down_is_not_taken_from_it() {
    let (cloud, mut host, port, _) = scene();
    host.stop();
    let other = cloud.bind_elsewhere(&port, "tap9");
    host.start();
    host.follows(true);
    until("the port to be let go", || host.vports().is_empty());
    until("the wish to be forgotten", || host.state("tap1").is_none());
    assert_eq!(cloud.place(&port), Some((other, "tap9".to_owned())));
    host.restart();
    host.follows(true);
    until("everything to be in force", || cloud.is_in_force());
    assert_eq!(host.vports(), [""; 0]);
}

#[test]
fn a_port_that_is_deleted_stops_and_can_still_be_unplugged() {
    let (cloud, host, port, _) = scene();
    cloud.delete(&format!("/ports/{port}"));
    until("the port to be let go", || host.vports().is_empty());
    host.unplug("tap1");
    assert_eq!(host.state("tap1"), None);
}

#[test]
fn an_interface_that_goes_comes_back_and_changes_its_name_is_followed() {
    let (cloud, mut host, port, index) = scene();
    let waits = |host: &Host| {
        host.state("tap1").as_deref() == Some("waiting_for_interface") && host.vports().is_empty()
    };
    let serves =
        |host: &Host| host.state("tap1").as_deref() == Some("active") && host.vports() == ["tap1"];
    host.remove_tap(index);
    until("it to be missed", || waits(&host));
    until("the service to hear of it", || !cloud.is_active(&port));
    let index = host.add_tap("tap1");
    until("it to be served", || serves(&host));
    host.name_tap(index, "other");
    until("it to be missed", || waits(&host));
    host.name_tap(index, "tap1");
    until("it to be served", || serves(&host));
    // Another one in its place, at once.
    host.remove_tap(index);
    host.add_tap("tap1");
    until("it to be served", || serves(&host));
    until("the service to hear of it", || cloud.is_active(&port));
}

#[test]
fn two_interfaces_that_change_names_keep_their_names_ports() {
    let (cloud, mut host, one, first) = scene();
    let two = cloud.port(&cloud.bridge());
    let second = host.add_tap("tap2");
    host.plug(&two, "tap2").unwrap();
    host.told.take();
    host.name_tap(first, "tmp");
    host.name_tap(second, "tap1");
    host.name_tap(first, "tap2");
    until("both to be served", || {
        host.told.take().len() >= 2 && host.vports() == ["tap1", "tap2"]
    });
    for (port, interface) in [(&one, "tap1"), (&two, "tap2")] {
        assert_eq!(host.state(interface).as_deref(), Some("active"));
        assert_eq!(cloud.place(port), Some((host.id(), interface.to_owned())));
    }
}

#[test]
fn a_port_moves_to_another_interface_of_the_host_when_its_own_is_gone() {
    let (cloud, mut host, port, index) = scene();
    host.add_tap("tap2");
    let refused = host.plug(&port, "tap2").unwrap_err();
    assert_eq!(refused.code, "conflict");
    assert!(refused.message.contains("tap1"), "{}", refused.message);
    // The service hears of the end of the first only now, if at all.
    host.remove_tap(index);
    host.plug(&port, "tap2").unwrap();
    assert_eq!(cloud.place(&port), Some((host.id(), "tap2".to_owned())));
    assert_eq!(host.state("tap1"), None);
}

#[test]
fn a_datapath_and_a_vport_that_somebody_deletes_are_made_again() {
    let (_cloud, host, _, _) = scene();
    host.told.take();
    host.datapath().remove_device(1).unwrap();
    until("the vport to be there", || host.vports() == ["tap1"]);
    host.datapath().delete_by_stranger();
    until("the datapath to be there", || {
        host.told.take().contains(&"rebuilt".to_owned())
    });
    until("the vport to be there", || host.vports() == ["tap1"]);
    assert_eq!(host.state("tap1").as_deref(), Some("active"));
}
