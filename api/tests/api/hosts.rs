//! Hosts, their interfaces, and what they report.

use serde_json::{Value, json};

use crate::service::{Service, id_of};

fn report(service: &Service, host: &str, body: Value) {
    service
        .post(&format!("/weft/v1/hosts/{host}/state"), body)
        .expect(204);
}

fn interface(name: &str) -> Value {
    json!({"name": name, "mac": "02:00:00:00:00:09", "mtu": 1500, "up": true, "carrier": false,
           "kind": "tun", "addresses": ["10.0.0.9/24"]})
}

#[test]
fn a_host_makes_itself_and_lives() {
    let service = Service::start();
    assert_eq!(service.show("/hosts"), json!([]));
    let id = service.host("hv1");
    let host = service.show(&format!("/hosts/{id}"));
    assert_eq!(host["id"], id);
    assert_eq!(host["name"], "hv1");
    assert_eq!(host["alive"], true);
    assert_eq!(host["floodingProxyWeight"], 1);
    assert_eq!(service.show("/hosts"), json!([host]));
    // It may change its name, and a client its weight.
    let renamed = json!({"name": "hv2", "version": "1", "protocol": 1});
    service
        .put(&format!("/weft/v1/hosts/{id}"), renamed)
        .expect(200);
    service
        .put(
            &format!("/hosts/{id}"),
            json!({"floodingProxyWeight": "5", "name": "x"}),
        )
        .expect(204);
    let host = service.show(&format!("/hosts/{id}"));
    assert_eq!(host["name"], "hv2");
    assert_eq!(host["floodingProxyWeight"], 5);
}

#[test]
fn a_registration_answers_with_the_stores_name_and_checks_the_protocol() {
    let service = Service::start();
    let path = format!("/weft/v1/hosts/{}", service.host("hv1"));
    let register = |protocol: u32| {
        let said = json!({"name": "hv1", "version": "1", "protocol": protocol});
        service.put(&path, said)
    };
    let answer = register(1).expect(200).json();
    assert_eq!(answer["protocol"], 1);
    assert_eq!(answer["store"], service.show("/system_state")["store"]);
    // Older by one is served, newer ones decide for themselves.
    for protocol in [0, 2, u32::MAX] {
        register(protocol).expect(200);
    }
    service
        .put(&path, json!({"name": "hv1", "version": "1"}))
        .violates(400, &["protocol"]);
    service
        .put(&path, json!({"name": "", "version": "1", "protocol": 1}))
        .violates(400, &["name"]);
    service.put("/weft/v1/hosts/nonsense", json!({})).error(404);
}

#[test]
fn a_host_shows_the_interfaces_that_it_reported_last() {
    let service = Service::start();
    let id = service.host("hv1");
    let list = format!("/hosts/{id}/interfaces");
    assert_eq!(service.show(&list), json!([]));
    report(
        &service,
        &id,
        json!({"revision": 1, "interfaces": [interface("tap0"), interface("a#b")]}),
    );
    let shown = service.show(&list);
    assert_eq!(shown.as_array().unwrap().len(), 2);
    let tap = service.show(&format!("{list}/tap0"));
    assert_eq!(tap, shown[0]);
    assert_eq!(tap["hostId"], id);
    assert_eq!(tap["mac"], "02:00:00:00:00:09");
    assert_eq!(tap["mtu"], 1500);
    assert_eq!(tap["status"], 1);
    assert_eq!(tap["type"], "Virtual");
    assert_eq!(tap["endpoint"], "TUNTAP");
    assert_eq!(tap["addresses"], json!(["10.0.0.9"]));
    // An interface may be called what no path can hold as it is.
    assert_eq!(
        service.show(&format!("{list}/a%23b"))["uri"],
        shown[1]["uri"]
    );
    service.get(&format!("{list}/tap9")).error(404);
    let host = service.show(&format!("/hosts/{id}"));
    assert_eq!(host["hostInterfaces"], shown);
    assert_eq!(host["addresses"], json!(["10.0.0.9", "10.0.0.9"]));
    report(&service, &id, json!({"revision": 2}));
    assert_eq!(service.show(&list), json!([]));
}

#[test]
fn a_port_is_active_while_its_host_says_that_its_kernel_carries_it() {
    let service = Service::start();
    let id = service.host("hv1");
    let path = service.port(&service.bridge());
    let binding = json!({"portId": id_of(&path), "interfaceName": "tap0"});
    service.create(&format!("/hosts/{id}/ports"), binding);
    let active = || service.show(&path)["active"].clone();
    assert_eq!(active(), false);
    for (phase, expected) in [
        ("waiting_for_interface", false),
        ("active", true),
        ("failed", false),
        ("active", true),
    ] {
        let bindings = json!([{"port": id_of(&path), "interface": "tap0", "phase": phase}]);
        report(&service, &id, json!({"revision": 1, "bindings": bindings}));
        assert_eq!(active(), expected, "{phase}");
    }
    // What another host says of it does not count.
    let other = service.host("hv2");
    let bindings = json!([{"port": id_of(&path), "interface": "tap0", "phase": "active"}]);
    report(&service, &id, json!({"revision": 1}));
    report(
        &service,
        &other,
        json!({"revision": 1, "bindings": bindings}),
    );
    assert_eq!(active(), false);
}

#[test]
fn a_host_that_lives_is_not_deleted() {
    let service = Service::start();
    let id = service.host("hv1");
    let message = service.delete(&format!("/hosts/{id}")).error(403);
    assert!(
        message.contains("hv1") && message.contains("alive"),
        "{message}"
    );
}

#[test]
fn a_report_of_a_host_that_nobody_knows_or_that_is_malformed_is_refused() {
    let service = Service::start();
    let nobody = "/weft/v1/hosts/6c7ad5c4-1111-4222-8333-444444444444/state";
    assert!(
        service
            .post(nobody, json!({"revision": 1}))
            .error(404)
            .contains("PUT")
    );
    let state = format!("/weft/v1/hosts/{}/state", service.host("hv1"));
    service.post(&state, json!({})).violates(400, &["revision"]);
    service
        .post(&state, json!({"revision": -1}))
        .violates(400, &["revision"]);
    let bindings = json!({"revision": 1, "bindings": [{"port": "x"}]});
    service
        .post(&state, bindings)
        .violates(400, &["bindings[0].port"]);
    service
        .call("POST", &state, &[], "{\"revision\": 1} and more")
        .error(400);
}

#[test]
fn a_host_that_calls_itself_what_no_name_can_be_is_refused_and_keeps_its_own() {
    let service = Service::start();
    let id = service.host("hv1");
    for bad in ["x".repeat(100_000), "a\0b".to_owned(), "a\nb".to_owned()] {
        let said = json!({"name": bad, "version": "1", "protocol": 1});
        service
            .put(&format!("/weft/v1/hosts/{id}"), said)
            .violates(400, &["name"]);
    }
    assert_eq!(service.show(&format!("/hosts/{id}"))["name"], "hv1");
}
