//! A bridge's MAC and ARP tables.

use serde_json::json;

use crate::service::{Service, id_of};

const MAC: &str = "02:00:00:00:00:01";

#[test]
fn a_mac_entry_is_made_listed_and_deleted_by_mac_and_port() {
    let service = Service::start();
    let bridge = service.bridge();
    let port = service.port(&bridge);
    let table = format!("{bridge}/mac_table");
    let body = json!({"macAddr": MAC, "portId": id_of(&port)});
    let path = service.create(&table, body.clone());
    assert_eq!(path, format!("{table}/02-00-00-00-00-01_{}", id_of(&port)));
    let entry = service.show(&path);
    assert_eq!(entry["macAddr"], MAC);
    assert_eq!(entry["portId"], id_of(&port));
    assert_eq!(entry["vlanId"], 0);
    assert_eq!(service.show(&table), json!([entry]));
    service.post(&table, body).error(409);
    // With colons, too.
    service
        .get(&format!("{table}/{MAC}_{}", id_of(&port)))
        .expect(200);
    service.delete(&path).expect(204);
    assert_eq!(service.show(&table), json!([]));
}

#[test]
fn each_vlan_has_a_table_of_its_own_and_the_bridges_lists_all() {
    let service = Service::start();
    let bridge = service.bridge();
    let port = service.port(&bridge);
    let entry = json!({"macAddr": MAC, "portId": id_of(&port)});
    service.create(&format!("{bridge}/mac_table"), entry.clone());
    let of_vlan = format!("{bridge}/vlans/7/mac_table");
    let path = service.create(&of_vlan, entry);
    assert!(path.starts_with(&of_vlan));
    assert_eq!(service.show(&path)["vlanId"], 7);
    let length = |path: &str| service.show(path).as_array().unwrap().len();
    assert_eq!(length(&of_vlan), 1);
    assert_eq!(length(&format!("{bridge}/vlans/8/mac_table")), 0);
    assert_eq!(length(&format!("{bridge}/mac_table")), 2);
    let template = service.show(&bridge)["vlanMacTableTemplate"].clone();
    let uri = template.as_str().unwrap().replace("{vlanId}", "7");
    assert!(uri.ends_with(&of_vlan));
}

#[test]
fn a_mac_entry_needs_a_station_a_vlan_and_a_port_of_the_bridge() {
    let service = Service::start();
    let (bridge, other) = (service.bridge(), service.bridge());
    let (port, elsewhere) = (service.port(&bridge), service.port(&other));
    let table = format!("{bridge}/mac_table");
    let post = |mac: &str, port: &str, vlan: u32| {
        service.post(
            &table,
            json!({"macAddr": mac, "portId": id_of(port), "vlanId": vlan}),
        )
    };
    post("ff:ff:ff:ff:ff:ff", &port, 0).violates(400, &["macAddr"]);
    post("nonsense", &port, 0).violates(400, &["macAddr"]);
    post(MAC, &port, 4095).violates(400, &["vlanId"]);
    post(MAC, &elsewhere, 0).violates(400, &["portId"]);
    post(MAC, "x/6c7ad5c4-1111-4222-8333-444444444444", 0).violates(400, &["portId"]);
    service
        .post(&table, json!({"macAddr": MAC}))
        .violates(400, &["portId"]);
    assert_eq!(service.show(&table), json!([]));
}

#[test]
fn an_arp_entry_is_made_listed_and_deleted_by_address_and_mac() {
    let service = Service::start();
    let table = format!("{}/arp_table", service.bridge());
    let path = service.create(&table, json!({"ip": "10.0.0.1", "mac": MAC}));
    assert_eq!(path, format!("{table}/10.0.0.1_02-00-00-00-00-01"));
    let v6 = service.create(&table, json!({"ip": "fd00::1", "mac": MAC}));
    assert_eq!(service.show(&v6)["ip"], "fd00::1");
    let list = service.show(&table);
    let ips: Vec<_> = list.as_array().unwrap().iter().map(|e| &e["ip"]).collect();
    assert_eq!(ips, ["10.0.0.1", "fd00::1"]);
    // An address has one MAC.
    let other = json!({"ip": "10.0.0.1", "mac": "02:00:00:00:00:02"});
    service.post(&table, other).error(409);
    service
        .get(&format!("{table}/10.0.0.1_02-00-00-00-00-02"))
        .error(404);
    service.delete(&path).expect(204);
    service.delete(&path).error(404);
}

#[test]
fn an_arp_entry_needs_an_address_and_a_mac_of_one_station() {
    let service = Service::start();
    let table = format!("{}/arp_table", service.bridge());
    let post = |ip: &str, mac: &str| service.post(&table, json!({"ip": ip, "mac": mac}));
    post("10.0.0.256", MAC).violates(400, &["ip"]);
    post("224.0.0.1", MAC).violates(400, &["ip"]);
    post("0.0.0.0", MAC).violates(400, &["ip"]);
    post("10.0.0.1", "00:00:00:00:00:00").violates(400, &["mac"]);
    post("10.0.0.1", "01:00:5e:00:00:01").violates(400, &["mac"]);
}

#[test]
fn a_ports_deletion_takes_its_mac_entries_along() {
    let service = Service::start();
    let bridge = service.bridge();
    let port = service.port(&bridge);
    let table = format!("{bridge}/mac_table");
    service.create(&table, json!({"macAddr": MAC, "portId": id_of(&port)}));
    service.delete(&port).expect(204);
    assert_eq!(service.show(&table), json!([]));
}
