//! Chains: what they filter, how they are jumped to, and what keeps them.

use serde_json::{Value, json};

use crate::service::{Service, id_of};

const NOBODY: &str = "6c7ad5c4-1111-4222-8333-444444444444";

fn jump(to: &str) -> Value {
    json!({"type": "jump", "jumpChainId": id_of(to)})
}

#[test]
fn a_chain_is_made_shown_renamed_and_goes_with_its_rules() {
    let service = Service::start();
    let path = service.chain("in");
    let chain = service.show(&path);
    assert_eq!(
        (&chain["name"], &chain["tenantId"]),
        (&json!("in"), &json!("t1"))
    );
    let uri = chain["uri"].as_str().unwrap();
    assert_eq!(chain["rules"], format!("{uri}/rules"));
    assert_eq!(chain["ruleIds"], json!([]));
    let rule = service.create(&format!("{path}/rules"), json!({"type": "drop"}));
    let mut changed = service.show(&path);
    assert_eq!(changed["ruleIds"], json!([id_of(&rule)]));
    changed["name"] = json!("out");
    service.put(&path, changed).expect(204);
    let chain = service.show(&path);
    assert_eq!(chain["name"], "out");
    assert_eq!(chain["ruleIds"], json!([id_of(&rule)]), "its rules stay");
    assert_eq!(service.show("/chains"), json!([chain]));
    assert_eq!(service.show("/chains?tenant_id=t2"), json!([]));
    service.delete(&path).expect(204);
    service.get(&rule).error(404);
}

#[test]
fn a_chain_filters_bridges_and_ports_which_lead_to_it() {
    let service = Service::start();
    let (bridge, chain) = (service.bridge(), service.chain("in"));
    let port = service.port(&bridge);
    for path in [&bridge, &port] {
        let none = service.show(path);
        for key in ["inboundFilter", "outboundFilter", "inboundFilterId"] {
            assert_eq!(none.get(key), Some(&Value::Null), "{key}");
        }
        // Midonet's clients put back all that they got.
        let mut filtered = none;
        filtered["inboundFilterId"] = json!(id_of(&chain));
        filtered["outboundFilterId"] = json!(id_of(&chain));
        service.put(path, filtered).expect(204);
        let shown = service.show(path);
        let uri = service.show(&chain)["uri"].clone();
        assert_eq!(
            (&shown["inboundFilter"], &shown["outboundFilter"]),
            (&uri, &uri)
        );
        service
            .put(path, json!({"outboundFilterId": NOBODY}))
            .violates(400, &["outboundFilterId"]);
    }
    // What it filters is named, and keeps it.
    let message = service.delete(&chain).violates(409, &["id"]);
    for user in [id_of(&bridge), id_of(&port)] {
        assert!(message.contains(user), "{message}");
    }
    for path in [&bridge, &port] {
        let clear = json!({"inboundFilterId": null, "outboundFilterId": null});
        service.put(path, clear).expect(204);
    }
    service.delete(&chain).expect(204);
}

#[test]
fn a_chain_that_is_jumped_to_stays_and_may_be_jumped_to_again() {
    let service = Service::start();
    let (from, to) = (service.chain("from"), service.chain("to"));
    let rules = format!("{from}/rules");
    let first = service.create(&rules, jump(&to));
    let second = service.create(&rules, jump(&to));
    let shown = service.show(&first);
    assert_eq!(shown["jumpChainName"], "to");
    assert_eq!(shown["summary"], "jump to to");
    let message = service.delete(&to).violates(409, &["id"]);
    assert!(message.contains(id_of(&first)) && message.contains(id_of(&second)));
    service.delete(&from).expect(204);
    service.delete(&to).expect(204);
}

#[test]
fn chains_that_would_jump_in_a_circle_are_refused_with_the_circle() {
    let service = Service::start();
    let chains = ["a", "b", "c"].map(|name| service.chain(name));
    let [a, b, c] = &chains;
    service.create(&format!("{a}/rules"), jump(b));
    service.create(&format!("{b}/rules"), jump(c));
    for (from, to) in [(c, a), (c, c), (b, a)] {
        let refused = service.post(&format!("{from}/rules"), jump(to));
        let message = refused.violates(400, &["jumpChainId"]);
        for on_the_way in [from, to] {
            assert!(message.contains(id_of(on_the_way)), "{message}");
        }
        assert!(message.contains("circle"), "{message}");
    }
    let all = service.post(&format!("{c}/rules"), jump(a)).error(400);
    assert!(
        chains.iter().all(|chain| all.contains(id_of(chain))),
        "{all}"
    );
    assert_eq!(service.show(&format!("{c}/rules")), json!([]));
    service
        .post(
            &format!("{c}/rules"),
            json!({"type": "jump", "jumpChainId": NOBODY}),
        )
        .violates(400, &["jumpChainId"]);
    service
        .post(
            &format!("{c}/rules"),
            json!({"type": "jump", "jumpChainName": "a"}),
        )
        .violates(400, &["jumpChainId"]);
}

#[test]
fn what_a_chain_cannot_do_is_refused() {
    let service = Service::start();
    service.get(&format!("/chains/{NOBODY}")).error(404);
    service.get(&format!("/chains/{NOBODY}/rules")).error(404);
    service
        .post(&format!("/chains/{NOBODY}/rules"), json!({"type": "drop"}))
        .error(404);
    service
        .post("/chains", json!({"name": "a".repeat(256)}))
        .violates(400, &["name"]);
    let message = service
        .post("/chains", json!({"loggerIds": [NOBODY]}))
        .violates(400, &["loggerIds"]);
    assert!(message.contains("log"), "{message}");
    let id = json!({"id": NOBODY, "name": "one"});
    service.post("/chains", id.clone()).expect(201);
    service.post("/chains", id).error(409);
}
