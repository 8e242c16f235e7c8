//! Bridges, and with them what is the same for every resource.

use serde_json::{Value, json};

use crate::service::{Service, id_of};

const ID: &str = "6c7ad5c4-1111-4222-8333-444444444444";

#[test]
fn a_bridge_is_made_shown_listed_changed_and_deleted() {
    let service = Service::start();
    let path = service.create("/bridges", json!({"name": "blue", "tenantId": "t1"}));
    let bridge = service.show(&path);
    assert_eq!(bridge["id"], id_of(&path));
    assert_eq!(bridge["name"], "blue");
    assert_eq!(bridge["tenantId"], "t1");
    assert_eq!(bridge["adminStateUp"], true);
    assert_eq!(bridge["inboundFilterId"], Value::Null);
    let uri = bridge["uri"].as_str().unwrap();
    assert_eq!(uri, format!("http://{}/midonet-api{path}", service.addr));
    for (key, below) in [
        ("ports", "ports"),
        ("peerPorts", "peer_ports"),
        ("dhcpSubnets", "dhcp"),
        ("macTable", "mac_table"),
        ("arpTable", "arp_table"),
    ] {
        assert_eq!(bridge[key], format!("{uri}/{below}"));
        let list = format!("{path}/{below}");
        assert_eq!(service.show(&list), json!([]));
    }
    assert_eq!(service.show("/bridges"), json!([bridge]));

    let changed = service.put(&path, json!({"name": "red", "adminStateUp": false}));
    assert_eq!(changed.expect(204).body, "");
    let bridge = service.show(&path);
    assert_eq!(bridge["name"], "red");
    assert_eq!(bridge["adminStateUp"], false);
    assert_eq!(bridge["tenantId"], "t1");

    assert_eq!(service.delete(&path).expect(204).body, "");
    service.get(&path).error(404);
    service.delete(&path).error(404);
    assert_eq!(service.show("/bridges"), json!([]));
}

#[test]
fn what_get_gave_can_be_put_back_and_null_clears() {
    let service = Service::start();
    let path = service.create("/bridges", json!({"tenantId": "t1", "mtu": 1450}));
    let before = service.show("/system_state")["revision"].clone();
    let mut bridge = service.show(&path);
    bridge["unknown"] = json!({"deep": [1, 2, 3]});
    service.put(&path, bridge.clone()).expect(204);
    // Nothing changed, so nothing was written.
    assert_eq!(service.show("/system_state")["revision"], before);
    service
        .put(
            &path,
            json!({"tenantId": null, "mtu": null, "adminStateUp": null}),
        )
        .expect(204);
    let bridge = service.show(&path);
    assert_eq!(bridge["tenantId"], Value::Null);
    assert_eq!(bridge["mtu"], Value::Null);
    assert_eq!(bridge["adminStateUp"], true);
}

#[test]
fn an_id_that_the_client_gives_is_kept_and_cannot_be_given_twice_or_changed() {
    let service = Service::start();
    let path = service.create("/bridges", json!({"id": ID, "name": "first"}));
    assert_eq!(id_of(&path), ID);
    let message = service
        .post("/bridges", json!({"id": ID, "name": "second"}))
        .error(409);
    assert!(message.contains(ID));
    assert_eq!(service.show(&path)["name"], "first");
    let other = "6c7ad5c4-1111-4222-8333-555555555555";
    service.put(&path, json!({"id": other})).expect(204);
    assert_eq!(service.show(&path)["id"], ID);
    service.get(&format!("/bridges/{other}")).error(404);
}

#[test]
fn numbers_may_come_as_text_and_go_as_numbers() {
    let service = Service::start();
    let path = service.create("/bridges", json!({"mtu": "1450"}));
    assert_eq!(service.show(&path)["mtu"], 1450);
    service.put(&path, json!({"mtu": " 9000 "})).expect(204);
    assert_eq!(service.show(&path)["mtu"], 9000);
}

#[test]
fn an_error_names_the_property_and_for_a_whole_object_the_object() {
    let service = Service::start();
    let post = |body: Value| service.post("/bridges", body);
    post(json!({"id": "nope"})).violates(400, &["id"]);
    post(json!({"name": 5})).violates(400, &["name"]);
    post(json!({"adminStateUp": "true"})).violates(400, &["adminStateUp"]);
    for mtu in [json!("x"), json!(1.5), json!(-1), json!(65536), json!([])] {
        post(json!({"mtu": mtu})).violates(400, &["mtu"]);
    }
    let message = post(json!({"id": ID, "mtu": 5})).violates(400, &["mtu"]);
    assert!(message.contains(&format!("bridge/{ID}: mtu: 5 is not within 68")));
    // Everything that is wrong is said at once.
    let filters = json!({"mtu": 5, "inboundFilterId": ID, "outboundFilterId": ID});
    let message = post(filters).violates(400, &["mtu", "inboundFilterId", "outboundFilterId"]);
    assert!(message.contains(&format!("chain/{ID} does not exist")));
    assert_eq!(service.show("/bridges"), json!([]));
}

#[test]
fn lists_are_whole_in_a_stable_order_and_filtered_by_tenant_alone() {
    let service = Service::start();
    for n in 0..120 {
        let tenant = format!("t{}", n % 3);
        service.create(
            "/bridges",
            json!({"name": format!("b{n}"), "tenantId": tenant}),
        );
    }
    let all = service.show("/bridges");
    assert_eq!(all.as_array().unwrap().len(), 120);
    assert_eq!(all, service.show("/bridges?limit=5&marker=x"));
    let of_one = service.show("/bridges?tenant_id=t1");
    let of_one = of_one.as_array().unwrap();
    assert_eq!(of_one.len(), 40);
    assert!(of_one.iter().all(|bridge| bridge["tenantId"] == "t1"));
    assert_eq!(service.show("/bridges?tenant_id=nobody"), json!([]));
}

#[test]
fn names_may_hold_any_text_without_control_characters() {
    let service = Service::start();
    for name in ["", "\"\\</script>", "日本語 🧵", " a  b "] {
        let path = service.create("/bridges", json!({"name": name}));
        assert_eq!(service.show(&path)["name"], name);
    }
}

#[test]
fn a_name_is_at_most_255_characters_and_none_of_them_controls() {
    let service = Service::start();
    let post = |name: &str| service.post("/bridges", json!({"name": name}));
    post(&"ü".repeat(255)).expect(201);
    for bad in ["x".repeat(100_000), "a\0b".to_owned(), "a\nb".to_owned()] {
        post(&bad).violates(400, &["name"]);
    }
    assert_eq!(service.show("/bridges").as_array().map(Vec::len), Some(1));
}
