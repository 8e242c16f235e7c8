//! A host that follows a chain or a group follows what is in it.

use serde_json::{Value, json};

use crate::service::{Service, id_of};
use crate::watch::{Watch, interest, kinds, object};

#[test]
fn a_chain_brings_its_rules_and_their_changes_before_one_complete() {
    let service = Service::start();
    let host = service.host("hv1");
    let (chain, other) = (service.chain("in"), service.chain("other"));
    let rules = format!("{chain}/rules");
    let rule = service.create(&rules, json!({"type": "drop"}));
    let mut watch = Watch::open(&service, &host, "");
    watch.batch();
    interest(
        &service,
        &host,
        json!({"number": 1, "add": [object("chain", &chain)]}),
    );
    assert_eq!(kinds(&watch.batch().0), ["chain", "rule"]);

    // Another chain's rules are not told, one of this with its new list is.
    service.create(&format!("{other}/rules"), json!({"type": "drop"}));
    let first = service.create(&rules, json!({"type": "accept", "nwProto": 6}));
    let (lines, _) = watch.batch();
    assert_eq!(kinds(&lines), ["chain", "rule"]);
    let of = |kind: &str| {
        let objects = lines.iter().map(|line| &line["put"]["object"]);
        objects.clone().find(|it| it["kind"] == kind).unwrap()
    };
    assert_eq!(of("chain")["rules"], json!([id_of(&first), id_of(&rule)]));
    assert_eq!(of("rule")["condition"]["protocol"], json!({"value": 6}));

    service.put(&rule, json!({"type": "reject"})).expect(204);
    let (lines, _) = watch.batch();
    assert_eq!(lines.len(), 1);
    assert_eq!(
        lines[0]["put"]["object"]["action"],
        json!({"type": "reject"})
    );

    service.delete(&first).expect(204);
    let (lines, _) = watch.batch();
    assert_eq!(kinds(&lines), ["chain"]);
    let gone: Vec<&Value> = lines
        .iter()
        .filter(|line| line.get("gone").is_some())
        .collect();
    assert_eq!(
        (gone.len(), &gone[0]["gone"]["id"]),
        (1, &object("rule", &first))
    );
}

#[test]
fn an_address_group_brings_its_members_and_their_changes() {
    let service = Service::start();
    let host = service.host("hv1");
    let group = service.create("/ip_addr_groups", json!({"name": "office"}));
    let addrs = format!("{group}/ip_addrs");
    service.create(&addrs, json!({"addr": "10.0.0.5"}));
    let mut watch = Watch::open(&service, &host, "");
    watch.batch();
    interest(
        &service,
        &host,
        json!({"number": 1, "add": [object("address_group", &group)]}),
    );
    assert_eq!(
        kinds(&watch.batch().0),
        ["address_group", "address_group_member"]
    );
    let member = service.create(&addrs, json!({"addr": "10.1.0.0/16"}));
    let (lines, _) = watch.batch();
    assert_eq!(lines.len(), 1);
    let put = &lines[0]["put"]["object"];
    assert_eq!(put["prefix"], "10.1.0.0/16");
    service.delete(&member).expect(204);
    let (lines, _) = watch.batch();
    assert_eq!(lines[0]["gone"]["id"]["id"], put["id"]);
}

/// A port names its groups, so a host learns of its own ports' memberships by the ports.
#[test]
fn a_port_that_joins_a_group_is_told_with_it() {
    let service = Service::start();
    let host = service.host("hv1");
    let port = service.port(&service.bridge());
    let binding = json!({"port": id_of(&port), "interface": "tap0"});
    service
        .post(&format!("/weft/v1/hosts/{host}/bindings"), binding)
        .expect(201);
    let group = service.create("/port_groups", json!({"name": "web"}));
    let mut watch = Watch::open(&service, &host, "");
    watch.batch();
    let member = service.create(&format!("{group}/ports"), json!({"portId": id_of(&port)}));
    let (lines, _) = watch.batch();
    assert_eq!(
        lines[0]["put"]["object"]["port_groups"],
        json!([id_of(&group)])
    );
    service.delete(&member).expect(204);
    let (lines, _) = watch.batch();
    assert_eq!(lines[0]["put"]["object"].get("port_groups"), None);
}
