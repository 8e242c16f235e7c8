//! The agent says no, or stops before it has answered.

use std::fs;

use weft_tests::command::run;

use crate::support::{
    ACTIVE, OTHER, PORT, Place, REFUSED, agent, code, is_up, link, said, state_of,
};

#[test]
fn a_device_that_was_there_stays_as_it_was_unless_the_answer_is_yes() {
    let place = Place::new("foreign");
    let veth = "ip link add tap-w0 up alias mine mtu 1450 type veth peer name tap-w1";
    run(&veth.split(' ').collect::<Vec<_>>()).unwrap();
    fs::write(place.dir.join("host-id"), format!("{OTHER}\n")).unwrap();
    let before = state_of("tap-w0");
    assert!(is_up("tap-w0"));
    let plug = [
        "plug",
        "--port",
        PORT,
        "--interface",
        "tap-w0",
        "--mtu",
        "1400",
    ];

    let asked = agent(&place, &[REFUSED]);
    let refused = place.vif(&plug);
    assert_eq!(code(&refused), 1, "{}", said(&refused));
    assert!(
        said(&refused).contains("port is elsewhere"),
        "{}",
        said(&refused)
    );
    assert_eq!(state_of("tap-w0"), before, "after the agent's no");
    let requests = asked.join().unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0]["mtu"], 1400, "the agent is told the MTU");

    let api = ["--api", "http://127.0.0.1:9/midonet-api"];
    assert_eq!(code(&place.vif(&[&plug[..], &api].concat())), 1);
    assert_eq!(state_of("tap-w0"), before, "after the service's no");
    assert_eq!(place.bindings(), Vec::<String>::new());

    let deferred = place.vif(&plug);
    assert_eq!(code(&deferred), 0, "{}", said(&deferred));
    assert_eq!(state_of("tap-w0"), before, "while the agent is down");
    assert!(
        place.bindings()[0].contains("1400"),
        "{:?}",
        place.bindings()
    );
}

#[test]
fn a_tap_of_a_refused_plug_goes_and_no_file_is_left() {
    let place = Place::new("refused");
    let asked = agent(&place, &[REFUSED]);
    let refused = place.vif(&["plug", "--port", PORT, "--interface", "tap-w0"]);
    assert_eq!(code(&refused), 1, "{}", said(&refused));
    assert!(link("tap-w0").is_err());
    assert_eq!(place.bindings(), Vec::<String>::new());
    assert_eq!(asked.join().unwrap().len(), 1);
}

#[test]
fn a_plug_is_deferred_when_the_agent_stops_in_its_midst_and_does_not_come_back() {
    let place = Place::new("gone");
    let asked = agent(&place, &[""]);
    let plugged = place.vif(&["plug", "--port", PORT, "--interface", "tap-w0"]);
    assert_eq!(code(&plugged), 0, "{}", said(&plugged));
    let told = "the agent binds it when it starts";
    assert!(said(&plugged).contains(told), "{}", said(&plugged));
    assert!(link("tap-w0").is_ok(), "the tap of a deferred plug is gone");
    assert!(!is_up("tap-w0"));
    let bindings = place.bindings();
    assert_eq!(bindings.len(), 1);
    assert!(
        bindings[0].contains(PORT) && bindings[0].contains("\"plugged\""),
        "{bindings:?}"
    );
    assert_eq!(asked.join().unwrap().len(), 1);
}

#[test]
fn a_plug_is_asked_again_when_the_agent_stops_in_its_midst_and_comes_back() {
    let place = Place::new("back");
    let asked = agent(&place, &["", ACTIVE]);
    let plugged = place.vif(&["plug", "--port", PORT, "--interface", "tap-w0"]);
    assert_eq!(code(&plugged), 0, "{}", said(&plugged));
    assert!(said(&plugged).contains("vport 7"), "{}", said(&plugged));
    assert!(link("tap-w0").is_ok());
    assert_eq!(
        place.bindings(),
        Vec::<String>::new(),
        "the file is the agent's"
    );
    let requests = asked.join().unwrap();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request["verb"], "plug");
        assert_eq!(request["interface"], "tap-w0");
        assert_eq!(request["port"], PORT);
    }
}

#[test]
fn unplug_and_list_outlive_an_agent_that_stops_in_their_midst() {
    let place = Place::new("outlive");
    place.vif(&["plug", "--port", PORT, "--interface", "tap-w0"]);
    let asked = agent(&place, &["", ""]);
    // Its first connection is lost, its second too, then nobody listens.
    let listed = place.vif(&["list"]);
    assert_eq!(code(&listed), 0, "{}", said(&listed));
    assert!(String::from_utf8_lossy(&listed.stdout).contains("the agent is down"));
    assert_eq!(asked.join().unwrap().len(), 2);

    fs::remove_file(place.dir.join("agent.sock")).unwrap();
    let asked = agent(&place, &[""]);
    let unplugged = place.vif(&["unplug", "--interface", "tap-w0"]);
    assert_eq!(code(&unplugged), 0, "{}", said(&unplugged));
    assert!(link("tap-w0").is_err());
    assert!(
        place.bindings()[0].contains("\"unplugged\""),
        "{:?}",
        place.bindings()
    );
    assert_eq!(asked.join().unwrap().len(), 1);
}
