//! Rules: every field is kept, and each has its place.

use serde_json::{Map, Value, json};

use crate::service::{Service, id_of};

/// A service with a chain, and the path of its rules.
pub(crate) fn start() -> (Service, String) {
    let service = Service::start();
    let rules = format!("{}/rules", service.chain("in"));
    (service, rules)
}

/// The fields of a rule that are not as those of an empty one.
fn said(service: &Service, path: &str) -> Map<String, Value> {
    let mut rule = service.show(path).as_object().unwrap().clone();
    for own in ["id", "chainId", "chain", "uri", "position", "summary"] {
        assert!(rule.remove(own).is_some(), "{own}");
    }
    let is_nothing = |value: &Value| {
        matches!(value, Value::Null | Value::Bool(false))
            || *value == json!([])
            || *value == json!(0)
    };
    rule.retain(|_, value| !is_nothing(value));
    rule
}

#[test]
fn every_field_of_a_condition_comes_back_as_it_was_sent() {
    let (service, rules) = start();
    let bridge = service.bridge();
    let port = id_of(&service.port(&bridge)).to_owned();
    let group = id_of(&service.create("/port_groups", json!({}))).to_owned();
    let addresses = id_of(&service.create("/ip_addr_groups", json!({}))).to_owned();
    let everything = json!({
        "type": "accept", "log": "web", "condInvert": true,
        "matchForwardFlow": true, "matchReturnFlow": true,
        "inPorts": [port], "invInPorts": true, "outPorts": [port], "invOutPorts": true,
        "portGroup": group, "invPortGroup": true,
        "inPortGroup": group, "invInPortGroup": true,
        "outPortGroup": group, "invOutPortGroup": true,
        "ipAddrGroupSrc": addresses, "invIpAddrGroupSrc": true,
        "ipAddrGroupDst": addresses, "invIpAddrGroupDst": true,
        "dlType": 2048, "invDlType": true,
        "dlSrc": "02:00:00:00:00:00", "dlSrcMask": "ff00.0000.0000", "invDlSrc": true,
        "dlDst": "02:00:00:00:00:07", "invDlDst": true,
        "vlan": 7, "invVlan": true,
        "nwProto": 6, "invNwProto": true, "nwTos": 16, "invNwTos": true,
        "nwSrcAddress": "10.0.0.0", "nwSrcLength": 8, "invNwSrc": true,
        "nwDstAddress": "10.0.0.5", "nwDstLength": 32, "invNwDst": true,
        "tpSrc": {"start": 0, "end": 1023}, "invTpSrc": true,
        "tpDst": {"start": 80, "end": 80}, "invTpDst": true,
        "fragmentPolicy": "unfragmented",
    });
    let path = service.create(&rules, everything.clone());
    assert_eq!(Value::Object(said(&service, &path)), everything);
    // What a client got it may put back, and nothing changes.
    let shown = service.show(&path);
    service.put(&path, shown.clone()).expect(204);
    assert_eq!(service.show(&path), shown);
    let plain = service.create(&rules, json!({"type": "drop"}));
    let nothing = json!({"type": "drop", "fragmentPolicy": "any"});
    assert_eq!(Value::Object(said(&service, &plain)), nothing);
}

#[test]
fn numbers_may_be_text_and_forms_may_be_short() {
    let (service, rules) = start();
    let sent = json!({"type": "accept", "dlType": "2048", "nwProto": "17", "nwSrcAddress": "10.1.2.3",
                      "nwDstAddress": "10.0.0.5", "nwDstLength": "24", "tpDst": {"start": "53"},
                      "dlSrc": "02:00:00:00:00:07", "dlSrcMask": "ff:00:00:00:00:00"});
    let path = service.create(&rules, sent);
    let said = said(&service, &path);
    // A length that is not given means one address, never all of them.
    assert_eq!(
        (&said["nwSrcLength"], &said["nwProto"]),
        (&json!(32), &json!(17))
    );
    // Bits that do not count are not kept.
    assert_eq!(
        (&said["nwDstAddress"], &said["nwDstLength"]),
        (&json!("10.0.0.0"), &json!(24))
    );
    assert_eq!(
        (&said["dlSrc"], &said["dlSrcMask"]),
        (&json!("02:00:00:00:00:00"), &json!("ff00.0000.0000"))
    );
    assert_eq!(said["tpDst"], json!({"start": 53, "end": 65535}));
    let path = service.create(&rules, json!({"type": "drop", "nwSrcAddress": "2001:db8::", "nwSrcLength": 32,
                                             "nwDstAddress": "2001:db8::1", "noVlan": true, "invVlan": true}));
    let said = self::said(&service, &path);
    assert_eq!(
        (&said["nwSrcAddress"], &said["nwDstLength"]),
        (&json!("2001:db8::"), &json!(128))
    );
    assert_eq!((&said["noVlan"], said.get("vlan")), (&json!(true), None));
    let summary = service.show(&path)["summary"].clone();
    assert_eq!(summary, "drop to 2001:db8::1 from 2001:db8::/32 tagged");
}

#[test]
fn translations_are_kept_as_they_are_said() {
    let (service, rules) = start();
    let target = |from: &str, to: &str, first: u16, last: u16| json!({"addressFrom": from, "addressTo": to, "portFrom": first, "portTo": last});
    for (kind, action, targets, policy) in [
        (
            "dnat",
            "accept",
            json!([target("10.0.0.5", "10.0.0.5", 0, 0)]),
            "any",
        ),
        (
            "dnat",
            "continue",
            json!([target("10.0.0.5", "10.0.0.5", 80, 80)]),
            "unfragmented",
        ),
        (
            "snat",
            "return",
            json!([
                target("10.0.0.5", "10.0.0.9", 0, 0),
                target("10.0.1.1", "10.0.1.1", 1024, 65535)
            ]),
            "unfragmented",
        ),
        ("rev_snat", "accept", json!([]), "any"),
        ("rev_dnat", "continue", json!([]), "any"),
    ] {
        let sent = json!({"type": kind, "flowAction": action, "natTargets": targets});
        let path = service.create(&rules, sent);
        let shown = service.show(&path);
        assert_eq!(shown["natTargets"], targets);
        assert_eq!(
            (&shown["type"], &shown["flowAction"]),
            (&json!(kind), &json!(action))
        );
        assert_eq!(shown["fragmentPolicy"], policy);
    }
}

#[test]
fn a_rule_is_put_where_it_is_asked_for_and_the_others_move() {
    let (service, rules) = start();
    let at = |position: Value| {
        let path = service.create(&rules, json!({"type": "drop", "position": position}));
        id_of(&path).to_owned()
    };
    let order = || {
        let list = service.show(&rules);
        let list = list
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
            .map(|(place, rule)| {
                assert_eq!(rule["position"], json!(place + 1));
                let alone = service.show(&format!("/rules/{}", rule["id"].as_str().unwrap()));
                assert_eq!(alone, *rule);
                rule["id"].as_str().unwrap().to_owned()
            });
        list.collect::<Vec<String>>()
    };
    let first = at(json!(1));
    // Without a place it is the first.
    let new_first = service.create(&rules, json!({"type": "accept"}));
    let new_first = id_of(&new_first).to_owned();
    let last = at(json!("3"));
    let second = at(json!(2));
    assert_eq!(
        order(),
        [&new_first, &second, &first, &last].map(String::clone)
    );
    for wrong in [json!(0), json!(6), json!("99")] {
        service
            .post(&rules, json!({"type": "drop", "position": wrong}))
            .violates(400, &["position"]);
    }
    // A rule moves by a PUT.
    let path = format!("/rules/{last}");
    service.put(&path, json!({"position": 1})).expect(204);
    assert_eq!(
        order(),
        [&last, &new_first, &second, &first].map(String::clone)
    );
    service
        .put(&path, json!({"position": 5}))
        .violates(400, &["position"]);
    service.put(&path, json!({"type": "reject"})).expect(204);
    assert_eq!(service.show(&path)["type"], "reject");
    service.delete(&format!("/rules/{new_first}")).expect(204);
    assert_eq!(order(), [last, second, first]);
    assert_eq!(service.show("/rules"), service.show(&rules));
    assert_eq!(service.show("/rules?tenant_id=t2"), json!([]));
}

#[test]
fn a_group_that_a_rule_tests_stays_and_the_rule_is_named() {
    let (service, rules) = start();
    for (groups, field) in [
        ("/port_groups", "inPortGroup"),
        ("/ip_addr_groups", "ipAddrGroupDst"),
    ] {
        let group = service.create(groups, json!({"name": "g"}));
        let mut rule = json!({"type": "drop"});
        rule[field] = json!(id_of(&group));
        let rule = service.create(&rules, rule);
        let summary = service.show(&rule)["summary"].clone();
        assert!(summary.as_str().unwrap().ends_with("group g"), "{summary}");
        let message = service.delete(&group).violates(409, &["id"]);
        assert!(message.contains(id_of(&rule)), "{message}");
        service.delete(&rule).expect(204);
        service.delete(&group).expect(204);
    }
}

#[test]
fn a_fragment_policy_that_nobody_chose_follows_the_rules_ports() {
    let (service, rules) = start();
    let path = service.create(&rules, json!({"type": "drop", "nwProto": 6}));
    let policy = || service.show(&path)["fragmentPolicy"].clone();
    assert_eq!(policy(), "any");
    service
        .put(&path, json!({"tpDst": {"start": 80, "end": 80}}))
        .expect(204);
    assert_eq!(policy(), "header");
    service.put(&path, json!({"tpDst": null})).expect(204);
    assert_eq!(policy(), "any");
    // One that was chosen stays.
    service
        .put(&path, json!({"fragmentPolicy": "nonheader"}))
        .expect(204);
    service.put(&path, json!({"nwProto": 17})).expect(204);
    assert_eq!(policy(), "nonheader");
}
