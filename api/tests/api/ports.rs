//! A bridge's ports, and links between ports.

use serde_json::{Value, json};

use crate::service::{Service, id_of};

const NOBODY: &str = "6c7ad5c4-1111-4222-8333-444444444444";

#[test]
fn a_port_belongs_to_its_bridge_and_goes_with_it() {
    let service = Service::start();
    let (bridge, other) = (service.bridge(), service.bridge());
    let path = service.port(&bridge);
    let port = service.show(&path);
    assert_eq!(port["type"], "Bridge");
    assert_eq!(port["deviceId"], id_of(&bridge));
    assert_eq!(port["adminStateUp"], true);
    assert_eq!(port["active"], false);
    assert_eq!(port["vlanId"], 0);
    for unset in ["hostId", "interfaceName", "peerId", "vifId", "tenantId"] {
        assert_eq!(port[unset], Value::Null, "{unset}");
    }
    let uri = port["uri"].as_str().unwrap();
    assert_eq!(port["link"], format!("{uri}/link"));
    assert_eq!(service.show(&format!("{bridge}/ports")), json!([port]));
    assert_eq!(service.show(&format!("{other}/ports")), json!([]));
    assert_eq!(service.show("/ports"), json!([port]));
    service.delete(&bridge).expect(204);
    service.get(&path).error(404);
}

#[test]
fn a_port_is_changed_by_what_is_put() {
    let service = Service::start();
    let path = service.port(&service.bridge());
    let change = json!({"adminStateUp": false, "vlanId": "7", "vifId": NOBODY, "type": "Bridge"});
    service.put(&path, change).expect(204);
    let port = service.show(&path);
    assert_eq!(port["adminStateUp"], false);
    assert_eq!(port["vlanId"], 7);
    assert_eq!(port["vifId"], NOBODY);
    service.put(&path, json!({"vlanId": 0})).expect(204);
    assert_eq!(service.show(&path)["vlanId"], 0);
    service
        .put(&path, json!({"vlanId": 4095}))
        .violates(400, &["vlanId"]);
    service
        .put(&path, json!({"inboundFilterId": NOBODY}))
        .violates(400, &["inboundFilterId"]);
}

#[test]
fn where_a_port_is_and_its_tunnel_key_cannot_be_put() {
    let service = Service::start();
    let path = service.port(&service.bridge());
    let before = service.show(&path);
    let change = json!({"hostId": NOBODY, "interfaceName": "tap0", "peerId": NOBODY, "deviceId": NOBODY,
                        "active": true, "tunnelKey": 77, "uri": "x"});
    service.put(&path, change).expect(204);
    assert_eq!(service.show(&path), before);
}

#[test]
fn every_port_has_a_tunnel_key_of_its_own_counted_from_one() {
    let service = Service::start();
    let bridge = service.bridge();
    let key = |path: &str| service.show(path)["tunnelKey"].as_u64().unwrap();
    let first = service.port(&bridge);
    assert_eq!(key(&first), 1);
    service.delete(&first).expect(204);
    // A key that was free a moment ago is not given again.
    assert_eq!(key(&service.port(&bridge)), 2);
    assert_eq!(key(&service.port(&bridge)), 3);
}

#[test]
fn a_port_needs_a_bridge_that_is_there_and_a_type_that_it_has() {
    let service = Service::start();
    let bridge = service.bridge();
    let ports = format!("{bridge}/ports");
    service
        .post(&format!("/bridges/{NOBODY}/ports"), json!({}))
        .error(404);
    service
        .post(&ports, json!({"type": "Router"}))
        .violates(400, &["type"]);
    for kind in ["Bridge", "ExteriorBridge", "InteriorBridge"] {
        service.create(&ports, json!({"type": kind}));
    }
}

#[test]
fn two_ports_are_linked_from_one_end_and_unlinked_from_the_other() {
    let service = Service::start();
    let (blue, red) = (service.bridge(), service.bridge());
    let (one, other) = (service.port(&blue), service.port(&red));
    let link = format!("{one}/link");
    // Midonet's client sends the whole port with it.
    let mut body = service.show(&one);
    body["peerId"] = json!(id_of(&other));
    let media = [(
        "Content-Type",
        "application/vnd.org.midonet.PortLink-v1+json",
    )];
    let answer = service.call("POST", &link, &media, &body.to_string());
    assert!(answer.expect(201).header("location").is_some());
    assert_eq!(service.show(&one)["peerId"], id_of(&other));
    assert_eq!(service.show(&other)["peerId"], id_of(&one));
    let peers = service.show(&format!("{blue}/peer_ports"));
    assert_eq!(peers, json!([service.show(&other)]));

    let third = service.port(&red);
    let message = service
        .post(&format!("{third}/link"), json!({"peerId": id_of(&one)}))
        .error(409);
    assert!(message.contains(id_of(&other)), "{message}");
    service.delete(&format!("{other}/link")).expect(204);
    assert_eq!(service.show(&one)["peerId"], Value::Null);
    assert_eq!(service.show(&other)["peerId"], Value::Null);
}

#[test]
fn a_port_is_not_linked_to_itself_to_nothing_or_while_it_is_bound() {
    let service = Service::start();
    let bridge = service.bridge();
    let (one, other) = (service.port(&bridge), service.port(&bridge));
    let link = format!("{one}/link");
    let post = |peer: &str| service.post(&link, json!({"peerId": peer}));
    post(id_of(&one)).violates(400, &["peerId"]);
    post(NOBODY).error(404);
    service.post(&link, json!({})).violates(400, &["peerId"]);
    let host = service.host("hv1");
    let binding = json!({"portId": id_of(&other), "interfaceName": "tap0"});
    service.create(&format!("/hosts/{host}/ports"), binding);
    assert!(post(id_of(&other)).error(409).contains("tap0"));
}

#[test]
fn a_linked_peer_survives_the_deletion_of_the_other_end() {
    let service = Service::start();
    let bridge = service.bridge();
    let (one, other) = (service.port(&bridge), service.port(&bridge));
    let peer = json!({"peerId": id_of(&other)});
    service.post(&format!("{one}/link"), peer).expect(201);
    service.delete(&one).expect(204);
    assert_eq!(service.show(&other)["peerId"], Value::Null);
}

#[test]
fn a_port_is_found_by_the_first_characters_of_its_id() {
    let service = Service::start();
    let path = service.port(&service.bridge());
    let id = id_of(&path);
    for prefix in [&id[..8], &id[..11], id] {
        let found = service.show(&format!("/weft/v1/ports?prefix={prefix}"));
        assert_eq!(found, json!({"ports": [id]}));
    }
    for wrong in ["", &id[..7], "zzzzzzzz"] {
        service
            .get(&format!("/weft/v1/ports?prefix={wrong}"))
            .violates(400, &["prefix"]);
    }
}
