//! DHCP subnets and their hosts.

use serde_json::{Value, json};

use crate::service::Service;

const MAC: &str = "02:00:00:00:00:01";

fn subnet(service: &Service) -> String {
    let bridge = service.bridge();
    let body =
        json!({"subnetPrefix": "10.0.0.0", "subnetLength": "24", "defaultGateway": "10.0.0.1"});
    service.create(&format!("{bridge}/dhcp"), body)
}

#[test]
fn a_subnet_is_named_by_its_prefix_and_keeps_all_that_was_said() {
    let service = Service::start();
    let bridge = service.bridge();
    let said = json!({
        "subnetPrefix": "10.0.0.0", "subnetLength": "24", "defaultGateway": "10.0.0.1",
        "serverAddr": "10.0.0.2", "dnsServerAddrs": ["10.0.0.3", "10.0.0.4"], "interfaceMTU": "1450",
        "opt121Routes": [{"destinationPrefix": "192.168.0.0", "destinationLength": "16", "gatewayAddr": "10.0.0.9"}],
        "enabled": false, "leaseSeconds": 600, "extraDhcpOpts": [{"optName": "domain-name", "optValue": "a.example"}],
    });
    let path = service.create(&format!("{bridge}/dhcp"), said.clone());
    assert_eq!(path, format!("{bridge}/dhcp/10.0.0.0_24"));
    let shown = service.show(&path);
    for key in [
        "subnetPrefix",
        "defaultGateway",
        "serverAddr",
        "dnsServerAddrs",
        "enabled",
        "leaseSeconds",
        "extraDhcpOpts",
    ] {
        assert_eq!(shown[key], said[key], "{key}");
    }
    // MidoNet's client compares this one to a number.
    assert_eq!(shown["subnetLength"], 24);
    assert_eq!(shown["interfaceMTU"], 1450);
    assert_eq!(shown["opt121Routes"][0]["destinationLength"], 16);
    assert!(
        shown["hosts"]
            .as_str()
            .unwrap()
            .ends_with(&format!("{path}/hosts"))
    );

    service
        .put(&path, json!({"enabled": true, "dnsServerAddrs": []}))
        .expect(204);
    let shown = service.show(&path);
    assert_eq!(shown["enabled"], true);
    assert_eq!(shown["dnsServerAddrs"], json!([]));
    assert_eq!(shown["serverAddr"], "10.0.0.2");
    service.delete(&path).expect(204);
    service.get(&path).error(404);
}

#[test]
fn subnets_are_listed_in_the_order_of_their_prefixes() {
    let service = Service::start();
    let list = format!("{}/dhcp", service.bridge());
    for prefix in ["10.2.0.0", "10.0.0.0", "10.1.0.0"] {
        service.create(&list, json!({"subnetPrefix": prefix, "subnetLength": 24}));
    }
    let shown = service.show(&list);
    let prefixes: Vec<_> = shown
        .as_array()
        .unwrap()
        .iter()
        .map(|s| &s["subnetPrefix"])
        .collect();
    assert_eq!(prefixes, ["10.0.0.0", "10.1.0.0", "10.2.0.0"]);
    service
        .post(
            &list,
            json!({"subnetPrefix": "10.1.0.0", "subnetLength": 24}),
        )
        .error(409);
}

#[test]
fn a_subnets_values_are_checked_and_named_as_the_body_names_them() {
    let service = Service::start();
    let list = format!("{}/dhcp", service.bridge());
    let post = |key: &str, value: Value| {
        let mut body = json!({"subnetPrefix": "10.0.0.0", "subnetLength": 24});
        body[key] = value;
        service.post(&list, body)
    };
    post("subnetLength", json!(33)).violates(400, &["subnetLength"]);
    post("subnetLength", json!(Value::Null)).violates(400, &["subnetLength"]);
    post("subnetLength", json!(16)).expect(201);
    post("subnetPrefix", json!("10.0.0.5")).violates(400, &["subnetPrefix"]);
    for reserved in ["127.0.0.0", "224.0.1.0"] {
        post("subnetPrefix", json!(reserved)).violates(400, &["subnetPrefix"]);
    }
    let everything = json!({"subnetPrefix": "0.0.0.0", "subnetLength": 0});
    service
        .post(&list, everything)
        .violates(400, &["subnetPrefix"]);
    post("subnetPrefix", json!("fd00::")).violates(400, &["subnetPrefix"]);
    post("defaultGateway", json!("224.0.0.1")).violates(400, &["defaultGateway"]);
    post("dnsServerAddrs", json!(["0.0.0.0"])).violates(400, &["dnsServerAddrs"]);
    post("dnsServerAddrs", json!(["x"])).violates(400, &["dnsServerAddrs[0]"]);
    post("interfaceMTU", json!(67)).violates(400, &["interfaceMTU"]);
    post("leaseSeconds", json!(0)).violates(400, &["leaseSeconds"]);
    let route = json!([{"destinationPrefix": "10.0.0.1", "destinationLength": 8, "gatewayAddr": "10.0.0.1"}]);
    post("opt121Routes", route).violates(400, &["opt121Routes"]);
    let route = json!([{"destinationPrefix": "10.0.0.0", "destinationLength": 8}]);
    post("opt121Routes", route).violates(400, &["opt121Routes[0].gatewayAddr"]);
}

#[test]
fn options_that_no_reply_could_carry_are_refused_by_their_place() {
    let service = Service::start();
    let path = subnet(&service);
    let option = |name: &str, value: &str| json!({"optName": name, "optValue": value});
    let wrong = json!({"extraDhcpOpts": [
        option("domain-name", "ok.example"),
        option("no-such-option", "1"),
        option("router", "no address"),
    ]});
    service
        .put(&path, wrong.clone())
        .violates(400, &["extraDhcpOpts[1]", "extraDhcpOpts[2]"]);
    let mut host = wrong;
    host["macAddr"] = json!(MAC);
    host["ipAddr"] = json!("10.0.0.5");
    service
        .post(&format!("{path}/hosts"), host)
        .violates(400, &["extraDhcpOpts[1]", "extraDhcpOpts[2]"]);
    assert_eq!(service.show(&path)["extraDhcpOpts"], json!([]));
}

#[test]
fn the_prefix_of_a_subnet_cannot_change() {
    let service = Service::start();
    let path = subnet(&service);
    service
        .put(&path, json!({"subnetPrefix": "10.1.0.0"}))
        .violates(400, &["subnetPrefix"]);
    service
        .put(&path, json!({"subnetLength": 16}))
        .violates(400, &["subnetPrefix"]);
}

#[test]
fn a_host_is_named_by_its_mac_however_that_is_written() {
    let service = Service::start();
    let hosts = format!("{}/hosts", subnet(&service));
    let path = service.create(
        &hosts,
        json!({"macAddr": MAC, "ipAddr": "10.0.0.5", "name": "vm1"}),
    );
    assert_eq!(path, format!("{hosts}/{MAC}"));
    let host = service.show(&path);
    assert_eq!(host["macAddr"], MAC);
    assert_eq!(host["ipAddr"], "10.0.0.5");
    assert_eq!(host["name"], "vm1");
    for spelling in ["02-00-00-00-00-01", "02%3A00%3A00%3A00%3A00%3A01"] {
        assert_eq!(service.show(&format!("{hosts}/{spelling}")), host);
    }
    assert_eq!(service.show(&hosts), json!([host]));
    service
        .post(&hosts, json!({"macAddr": MAC, "ipAddr": "10.0.0.6"}))
        .error(409);
    service
        .put(&path, json!({"ipAddr": "10.0.0.7"}))
        .expect(204);
    assert_eq!(service.show(&path)["ipAddr"], "10.0.0.7");
    service
        .put(&path, json!({"macAddr": "02:00:00:00:00:02"}))
        .violates(400, &["macAddr"]);
    service.delete(&path).expect(204);
    service.delete(&path).error(404);
}

#[test]
fn a_hosts_address_is_one_of_its_subnets() {
    let service = Service::start();
    let hosts = format!("{}/hosts", subnet(&service));
    let post = |mac: &str, ip: &str| service.post(&hosts, json!({"macAddr": mac, "ipAddr": ip}));
    for ip in ["10.0.1.5", "10.0.0.0", "10.0.0.255"] {
        let message = post(MAC, ip).violates(400, &["ipAddr"]);
        assert!(message.contains("dhcp_host/") && message.contains(ip));
    }
    post(MAC, "x").violates(400, &["ipAddr"]);
    post("ff:ff:ff:ff:ff:ff", "10.0.0.5").violates(400, &["macAddr"]);
    service.post(&hosts, json!({})).violates(400, &["macAddr"]);
    service
        .post(
            &format!("{}/dhcp/10.9.0.0_24/hosts", service.bridge()),
            json!({"macAddr": MAC, "ipAddr": "10.9.0.5"}),
        )
        .error(404);
}

#[test]
fn a_subnets_deletion_takes_its_hosts_along() {
    let service = Service::start();
    let path = subnet(&service);
    let hosts = format!("{path}/hosts");
    service.create(&hosts, json!({"macAddr": MAC, "ipAddr": "10.0.0.5"}));
    service.delete(&path).expect(204);
    let bridge = path.split("/dhcp").next().unwrap();
    service.create(
        &format!("{bridge}/dhcp"),
        json!({"subnetPrefix": "10.0.0.0", "subnetLength": 24}),
    );
    assert_eq!(service.show(&hosts), json!([]));
}
