//! Media types, methods and paths.

use serde_json::json;

use crate::service::Service;

/// Every resource that is listed, with a path to one of it.
fn resources(service: &Service) -> Vec<(String, &'static str)> {
    let bridge = service.bridge();
    let port = service.port(&bridge);
    let id = port.rsplit('/').next().unwrap();
    let mac = json!({"macAddr": "02:00:00:00:00:01", "portId": id});
    let mac = service.create(&format!("{bridge}/mac_table"), mac);
    let arp = json!({"ip": "10.0.0.1", "mac": "02:00:00:00:00:01"});
    let arp = service.create(&format!("{bridge}/arp_table"), arp);
    let subnet = json!({"subnetPrefix": "10.0.0.0", "subnetLength": 24});
    let subnet = service.create(&format!("{bridge}/dhcp"), subnet);
    let client = json!({"macAddr": "02:00:00:00:00:01", "ipAddr": "10.0.0.5"});
    let client = service.create(&format!("{subnet}/hosts"), client);
    let host = format!("/hosts/{}", service.host("hv1"));
    let binding = json!({"portId": id, "interfaceName": "tap0"});
    let binding = service.create(&format!("{host}/ports"), binding);
    vec![
        (bridge, "Bridge-v4"),
        (port, "Port-v3"),
        (mac, "MacPort-v2"),
        (arp, "IP4Mac-v1"),
        (subnet, "DhcpSubnet-v2"),
        (client, "DhcpHost-v2"),
        (host, "Host-v3"),
        (binding, "HostInterfacePort-v1"),
    ]
}

#[test]
fn every_resource_and_its_list_are_served_as_their_types_and_as_no_other() {
    let service = Service::start();
    for (path, name) in resources(&service) {
        let list = path.rsplit_once('/').unwrap().0.to_owned();
        let own = format!("application/vnd.org.midonet.{name}+json");
        let own_list = format!("application/vnd.org.midonet.collection.{name}+json");
        let media = |path: &str, accept: &[(&str, &str)]| {
            let answer = service.call("GET", path, accept, "{}").expect(200);
            answer.header("content-type").unwrap().to_owned()
        };
        assert_eq!(media(&path, &[]), own);
        assert_eq!(media(&path, &[("Accept", &own)]), own);
        assert_eq!(media(&list, &[("Accept", &own_list)]), own_list);
        let plain = "application/json";
        assert_eq!(media(&path, &[("Accept", plain)]), plain);
        assert_eq!(media(&list, &[("Accept", plain)]), plain);
        assert_eq!(media(&path, &[("Accept", "text/html, */*;q=0.1")]), own);
        for wrong in [
            own_list.as_str(),
            "application/vnd.org.midonet.Tenant-v2+json",
            "text/html",
            "*/*;q=0",
            "application/vnd.org.midonet.Bridge-v99+json",
        ] {
            let refused = service.call("GET", &path, &[("Accept", wrong)], "{}");
            assert!(refused.error(406).contains(&own), "{wrong}");
        }
    }
}

#[test]
fn a_body_of_another_type_is_refused_with_406_and_changes_nothing() {
    let service = Service::start();
    let bridge = service.bridge();
    for wrong in [
        "application/vnd.org.midonet.Port-v3+json",
        "application/vnd.org.midonet.Bridge-v99+json",
        "text/plain",
        "application/x-www-form-urlencoded",
    ] {
        let headers = [("Content-Type", wrong)];
        let body = r#"{"name": "red"}"#;
        service.call("POST", "/bridges", &headers, body).error(406);
        let message = service.call("PUT", &bridge, &headers, body).error(406);
        assert!(message.contains(wrong));
    }
    let bridges = service.show("/bridges");
    assert_eq!(bridges.as_array().unwrap().len(), 1);
    assert_eq!(bridges[0]["name"], "blue");
}

#[test]
fn a_body_may_be_named_by_its_type_by_json_or_not_at_all() {
    let service = Service::start();
    for headers in [
        vec![],
        vec![("Content-Type", "Application/JSON; charset=utf-8")],
        vec![("Content-Type", "application/vnd.org.midonet.Bridge-v4+json")],
        vec![("Content-Type", "application/vnd.org.midonet.Bridge-v5+json")],
    ] {
        service.call("POST", "/bridges", &headers, "{}").expect(201);
    }
}

#[test]
fn what_a_resource_does_not_do_is_405_and_says_what_it_does() {
    let service = Service::start();
    let bridge = service.bridge();
    for (method, path) in [
        ("DELETE", "/bridges"),
        ("PATCH", bridge.as_str()),
        ("POST", "/hosts"),
        ("PUT", "/system_state"),
    ] {
        let answer = service.call(method, path, &[], "{}");
        assert!(
            answer
                .header("allow")
                .is_some_and(|allow| !allow.is_empty())
        );
        assert!(answer.error(405).contains(method));
    }
}

#[test]
fn a_path_that_names_nothing_is_404_and_no_redirection() {
    let service = Service::start();
    for path in [
        "/nonsense",
        "/bridges/nonsense",
        "/bridges/6c7ad5c4-1111-4222-8333-444444444444",
        "/bridges/%00",
        "/bridges/%ff%fe",
        "/ports/6c7ad5c4-1111-4222-8333-444444444444",
        "/hosts/6c7ad5c4-1111-4222-8333-444444444444/interfaces",
        "/weft/v1/nonsense",
        "/weft/v1/hosts/6c7ad5c4-1111-4222-8333-444444444444/watch",
    ] {
        service.get(path).error(404);
    }
    service.get("/midonet-api//bridges/").expect(200);
}
