//! Whether a revision is in force on all live hosts.

use serde_json::{Value, json};

use crate::service::Service;
use crate::watch::Watch;

fn sync(service: &Service, query: &str) -> Value {
    service.show(&format!("/weft/v1/sync{query}"))
}

#[test]
fn without_hosts_everything_is_in_force() {
    let service = Service::start();
    service.bridge();
    let status = sync(&service, "");
    assert_eq!(status, json!({"revision": 1, "inForce": true, "hosts": []}));
}

#[test]
fn a_revision_is_in_force_when_every_live_host_has_said_so() {
    let service = Service::start();
    let hosts = [service.host("hv2"), service.host("hv1")];
    let report = |host: &str, revision: u64| {
        let path = format!("/weft/v1/hosts/{host}/state");
        service
            .post(&path, json!({"revision": revision}))
            .expect(204);
    };
    let status = sync(&service, "");
    let revision = status["revision"].as_u64().unwrap();
    assert_eq!(status["inForce"], false);
    // By name.
    assert_eq!(status["hosts"][0]["name"], "hv1");
    assert_eq!(status["hosts"][0]["revision"], Value::Null);
    report(&hosts[0], revision);
    report(&hosts[1], revision - 1);
    let status = sync(&service, "");
    assert_eq!(status["inForce"], false);
    assert_eq!(status["hosts"][0]["inForce"], false);
    assert_eq!(status["hosts"][1]["inForce"], true);
    report(&hosts[1], revision);
    assert_eq!(sync(&service, "")["inForce"], true);
    // A later change is another question.
    service.bridge();
    assert_eq!(sync(&service, "")["inForce"], false);
    assert_eq!(
        sync(&service, &format!("?revision={revision}"))["inForce"],
        true
    );
    service
        .get("/weft/v1/sync?revision=-1")
        .violates(400, &["revision"]);
}

#[test]
fn asking_makes_every_stream_say_how_far_it_is() {
    let service = Service::start();
    let host = service.host("hv1");
    let mut watch = Watch::open(&service, &host, "");
    watch.batch();
    service.bridge();
    let revision = sync(&service, "")["revision"].clone();
    // Nothing of it concerned the host, so there would be no `complete` without the question.
    let (lines, complete) = watch.batch();
    assert_eq!(lines, Vec::<Value>::new());
    assert_eq!(complete["revision"], revision);
}
