//! Plug and unplug with the service away, and what becomes of it when it is back.

use crate::cloud::Cloud;
use crate::machine::{Host, answer, port_of};
use crate::until;

/// A host that knows two ports of one bridge, the first of which it carries by tap1.
fn scene() -> (Cloud, Host, String, String) {
    let cloud = Cloud::start();
    let bridge = cloud.bridge();
    let (one, two) = (cloud.port(&bridge), cloud.port(&bridge));
    let mut host = Host::new(&cloud.url());
    host.follows(true);
    for (port, interface) in [(&one, "tap1"), (&two, "tap2")] {
        host.add_tap(interface);
        host.plug(port, interface).unwrap();
    }
    // That it stays known: it is met by packets, say.
    let id = port_of(&two).into();
    host.told.say(weft_agent::hot::Event::Missing(vec![id]));
    host.unplug("tap2");
    until("the port to be known as unbound", || {
        let snapshot = host.told.snapshot.lock().unwrap().clone();
        let known = snapshot.port(port_of(&two)).here().cloned();
        known.is_some_and(|port| port.binding.is_none())
    });
    (cloud, host, one, two)
}

#[test]
fn what_is_plugged_while_the_service_is_away_is_carried_and_goes_on_when_it_is_back() {
    let (mut cloud, mut host, _, two) = scene();
    cloud.down();
    host.follows(false);
    host.plug(&two, "tap2").unwrap();
    assert_eq!(host.vports(), ["tap1", "tap2"]);
    host.restart();
    assert_eq!(host.vports(), ["tap1", "tap2"]);
    host.told.take();
    cloud.up();
    host.follows(true);
    until("the service to hear of it", || {
        cloud.place(&two) == Some((host.id(), "tap2".to_owned()))
    });
    until("it to be in force", || cloud.is_in_force());
    assert_eq!(host.told.take(), [""; 0], "it was interrupted");
}

#[test]
fn what_is_unplugged_while_the_service_is_away_is_released_at_once_and_told_later() {
    for restarts in [false, true] {
        let (mut cloud, mut host, one, _) = scene();
        cloud.down();
        host.follows(false);
        host.unplug("tap1");
        assert_eq!(host.vports(), [""; 0]);
        assert_eq!(host.state("tap1"), None);
        if restarts {
            host.restart();
            assert_eq!(host.vports(), [""; 0]);
        }
        cloud.up();
        until("the service to hear of it", || cloud.place(&one).is_none());
        host.follows(true);
        until("it to be in force", || cloud.is_in_force());
        assert_eq!(host.vports(), [""; 0]);
    }
}

#[test]
fn an_interface_plugged_into_another_port_while_the_service_is_away_gives_the_first_back() {
    let (mut cloud, mut host, one, two) = scene();
    cloud.down();
    host.follows(false);
    host.unplug("tap1");
    host.plug(&two, "tap1").unwrap();
    host.restart();
    assert_eq!(host.vports(), ["tap1"]);
    cloud.up();
    until("the service to have it so", || {
        cloud.place(&one).is_none() && cloud.place(&two) == Some((host.id(), "tap1".to_owned()))
    });
    assert_eq!(host.vports(), ["tap1"]);
}

#[test]
fn a_port_moves_to_another_interface_while_the_service_is_away() {
    let (mut cloud, mut host, one, _) = scene();
    cloud.down();
    host.follows(false);
    host.unplug("tap1");
    host.plug(&one, "tap2").unwrap();
    assert_eq!(host.vports(), ["tap2"]);
    host.restart();
    assert_eq!(host.vports(), ["tap2"]);
    cloud.up();
    until("the service to have it so", || {
        cloud.place(&one) == Some((host.id(), "tap2".to_owned()))
    });
    until("it to be in force", || cloud.is_in_force());
    assert_eq!(host.vports(), ["tap2"]);
}

#[test]
fn a_port_that_this_host_does_not_know_cannot_be_plugged_while_the_service_is_away() {
    let (mut cloud, mut host, _, _) = scene();
    let unknown = cloud.port(&cloud.bridge());
    cloud.down();
    host.follows(false);
    host.add_tap("tap3");
    let refused = answer(host.plugging(&unknown, "tap3", 300)).1.unwrap_err();
    assert_eq!(refused.code, "unavailable");
    assert!(
        refused.message.contains("does not know"),
        "{}",
        refused.message
    );
    assert_eq!(host.state("tap3"), None);
}

#[test]
fn what_another_host_was_given_while_the_service_was_away_from_here_is_let_go() {
    let (mut cloud, mut host, one, _) = scene();
    cloud.down();
    host.follows(false);
    host.stop();
    cloud.up();
    let other = cloud.bind_elsewhere(&one, "tap9");
    cloud.down();
    // It cannot know yet.
    host.start();
    assert_eq!(host.vports(), ["tap1"]);
    cloud.up();
    until("the port to be let go", || host.vports().is_empty());
    assert_eq!(cloud.place(&one), Some((other, "tap9".to_owned())));
    assert_eq!(host.state("tap1"), None);
}
