//! Which source addresses a port may use.

use serde_json::{Value, json};

use crate::service::Service;

#[test]
fn a_port_says_which_addresses_may_be_used_there() {
    let service = Service::start();
    let path = service.port(&service.bridge());
    assert_eq!(service.show(&path).get("portSecurity"), Some(&Value::Null));
    let pairs = json!({"pairs": [
        {"mac": "02:00:00:00:00:01", "prefix": "10.0.0.5"},
        {"mac": "02:00:00:00:00:01", "prefix": "2001:db8::/64"},
    ]});
    service
        .put(&path, json!({"portSecurity": pairs}))
        .expect(204);
    assert_eq!(service.show(&path)["portSecurity"], pairs);
    // What does not speak of it leaves it, what was got may be put back.
    service.put(&path, json!({"vlanId": 7})).expect(204);
    service.put(&path, service.show(&path)).expect(204);
    assert_eq!(service.show(&path)["portSecurity"], pairs);
    // Nothing at all may be sent there: something else than no word of it.
    service
        .put(&path, json!({"portSecurity": {"pairs": []}}))
        .expect(204);
    assert_eq!(service.show(&path)["portSecurity"], json!({"pairs": []}));
    service
        .put(&path, json!({"portSecurity": null}))
        .expect(204);
    assert_eq!(service.show(&path)["portSecurity"], Value::Null);
}

#[test]
fn pairs_that_cannot_be_are_refused() {
    let service = Service::start();
    let path = service.port(&service.bridge());
    let pair = |mac: &str, prefix: &str| json!({"portSecurity": {"pairs": [{"mac": mac, "prefix": prefix}]}});
    for (sent, property) in [
        (pair("01:00:5e:00:00:01", "10.0.0.5"), "portSecurity"),
        (pair("02:00:00:00:00:01", "10.0.0.5/24"), "portSecurity"),
        (
            pair("02:00:00:00:00:01", "x"),
            "portSecurity.pairs[0].prefix",
        ),
        (pair("x", "10.0.0.5"), "portSecurity.pairs[0].mac"),
        (json!({"portSecurity": {}}), "portSecurity.pairs"),
        (
            json!({"portSecurity": {"pairs": [{"mac": "02:00:00:00:00:01"}]}}),
            "portSecurity.pairs[0].prefix",
        ),
        // What would let nothing out, or less be said than was meant.
        (json!({"portSecurity": [[]]}), "portSecurity"),
        (
            json!({"portSecurity": {"pairs": [["02:00:00:00:00:01", "10.0.0.5"]]}}),
            "portSecurity.pairs[0]",
        ),
        (
            json!({"portSecurity": {"pairs": [], "pair": []}}),
            "portSecurity.pair",
        ),
    ] {
        service.put(&path, sent).violates(400, &[property]);
    }
    assert_eq!(service.show(&path)["portSecurity"], Value::Null);
}
