//! Bindings: which interface of which host carries a port.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::service::{Service, id_of};

const NOBODY: &str = "6c7ad5c4-1111-4222-8333-444444444444";

/// Both ways to bind: a REST client's, and the agent's.
const WAYS: [Way; 2] = [Way::Rest, Way::Agent];

#[derive(Clone, Copy, Debug)]
enum Way {
    Rest,
    Agent,
}

fn bind(service: &Service, way: Way, host: &str, port: &str, interface: &str) -> Answer {
    match way {
        Way::Rest => service.post(
            &format!("/hosts/{host}/ports"),
            json!({"portId": id_of(port), "interfaceName": interface}),
        ),
        Way::Agent => service.post(
            &format!("/weft/v1/hosts/{host}/bindings"),
            json!({"port": id_of(port), "interface": interface}),
        ),
    }
}

fn place(service: &Service, port: &str) -> (Value, Value) {
    let port = service.show(port);
    (port["hostId"].clone(), port["interfaceName"].clone())
}

#[test]
fn a_binding_is_made_shown_listed_and_released() {
    let service = Service::start();
    let host = service.host("hv1");
    let port = service.port(&service.bridge());
    let path = service.create(
        &format!("/hosts/{host}/ports"),
        json!({"portId": id_of(&port), "interfaceName": "tap0"}),
    );
    assert_eq!(path, format!("/hosts/{host}/ports/{}", id_of(&port)));
    let binding = service.show(&path);
    assert_eq!(binding["hostId"], host);
    assert_eq!(binding["portId"], id_of(&port));
    assert_eq!(binding["interfaceName"], "tap0");
    assert_eq!(
        service.show(&format!("/hosts/{host}/ports")),
        json!([binding])
    );
    assert_eq!(place(&service, &port), (json!(host), json!("tap0")));
    service.delete(&path).expect(204);
    assert_eq!(place(&service, &port), (Value::Null, Value::Null));
    assert_eq!(service.show(&port)["previousHostId"], host);
    service.get(&path).error(404);
    service.delete(&path).error(404);
}

#[test]
fn a_binding_that_is_there_already_is_made_again_without_a_change() {
    for way in WAYS {
        let service = Service::start();
        let host = service.host("hv1");
        let port = service.port(&service.bridge());
        bind(&service, way, &host, &port, "tap0").expect(201);
        let revision = service.show("/system_state")["revision"].clone();
        bind(&service, way, &host, &port, "tap0").expect(201);
        assert_eq!(service.show("/system_state")["revision"], revision);
    }
}

#[test]
fn a_port_moves_to_another_host_and_remembers_the_one_before() {
    for way in WAYS {
        let service = Service::start();
        let (one, other) = (service.host("hv1"), service.host("hv2"));
        let port = service.port(&service.bridge());
        bind(&service, way, &one, &port, "tap0").expect(201);
        bind(&service, way, &other, &port, "tap7").expect(201);
        assert_eq!(place(&service, &port), (json!(other), json!("tap7")));
        assert_eq!(service.show(&port)["previousHostId"], one);
    }
}

#[test]
fn an_interface_carries_one_port_and_the_loser_hears_which() {
    for way in WAYS {
        let service = Service::start();
        let host = service.host("hv1");
        let bridge = service.bridge();
        let (first, second) = (service.port(&bridge), service.port(&bridge));
        bind(&service, way, &host, &first, "tap0").expect(201);
        let message = bind(&service, way, &host, &second, "tap0").error(409);
        assert!(message.contains(id_of(&first)), "{message}");
        assert_eq!(place(&service, &second), (Value::Null, Value::Null));
    }
}

#[test]
fn a_port_changes_its_interface_only_when_the_one_before_is_gone() {
    for way in WAYS {
        let service = Service::start();
        let host = service.host("hv1");
        let port = service.port(&service.bridge());
        bind(&service, way, &host, &port, "tap0").expect(201);
        let interface = json!({"name": "tap0", "mac": null, "mtu": 1500, "up": true, "carrier": true, "kind": "tun"});
        let state = format!("/weft/v1/hosts/{host}/state");
        service
            .post(&state, json!({"revision": 1, "interfaces": [interface]}))
            .expect(204);
        let message = bind(&service, way, &host, &port, "tap1").error(409);
        assert!(message.contains("tap0"), "{message}");
        service.post(&state, json!({"revision": 1})).expect(204);
        bind(&service, way, &host, &port, "tap1").expect(201);
        assert_eq!(place(&service, &port), (json!(host), json!("tap1")));
    }
}

#[test]
fn what_is_not_there_cannot_be_bound() {
    for way in WAYS {
        let service = Service::start();
        let host = service.host("hv1");
        let port = service.port(&service.bridge());
        bind(&service, way, &host, NOBODY, "tap0").error(404);
        bind(&service, way, NOBODY, &port, "tap0").error(404);
        let property = match way {
            Way::Rest => "interfaceName",
            Way::Agent => "interface",
        };
        for name in ["", "a/b", "a b", "..", "sixteen-bytes-xx", "nul\u{0}"] {
            bind(&service, way, &host, &port, name).violates(400, &[property]);
        }
        assert_eq!(place(&service, &port), (Value::Null, Value::Null));
    }
}

#[test]
fn a_peer_port_is_not_bound() {
    for way in WAYS {
        let service = Service::start();
        let host = service.host("hv1");
        let bridge = service.bridge();
        let (one, other) = (service.port(&bridge), service.port(&bridge));
        service
            .post(&format!("{one}/link"), json!({"peerId": id_of(&other)}))
            .expect(201);
        let message = bind(&service, way, &host, &one, "tap0").error(409);
        assert!(message.contains(id_of(&other)), "{message}");
    }
}

#[test]
fn an_agent_releases_as_often_as_it_likes_and_learns_the_revision() {
    let service = Service::start();
    let host = service.host("hv1");
    let port = service.port(&service.bridge());
    let bound = bind(&service, Way::Agent, &host, &port, "tap0")
        .expect(201)
        .json();
    let path = format!("/weft/v1/hosts/{host}/bindings/{}", id_of(&port));
    let released = service.delete(&path).expect(200).json();
    assert_eq!(
        released["revision"].as_u64(),
        bound["revision"].as_u64().map(|r| r + 1)
    );
    assert_eq!(place(&service, &port), (Value::Null, Value::Null));
    assert_eq!(service.delete(&path).expect(200).json(), released);
    service.delete(&port).expect(204);
    service.delete(&path).expect(200);
}

#[test]
fn of_many_that_ask_at_once_for_one_interface_one_gets_it() {
    let service = Service::start();
    let host = service.host("hv1");
    let bridge = service.bridge();
    let ports: Vec<String> = (0..8).map(|_| service.port(&bridge)).collect();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asked: Vec<_> = ports
            .iter()
            .map(|port| scope.spawn(|| bind(&service, Way::Agent, &host, port, "tap0").status))
            .collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 409).count(),
        7,
        "{statuses:?}"
    );
    assert_eq!(
        service
            .show(&format!("/hosts/{host}/ports"))
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
