//! What happens when time is up. Each takes the whole of it, so they run side by side.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Connection, PATIENCE};
use crate::service::{Service, id_of};
use crate::watch::Watch;

#[test]
fn what_has_ten_seconds_has_no_more() {
    std::thread::scope(|scope| {
        scope.spawn(a_body_has_ten_seconds);
        scope.spawn(a_head_has_ten_seconds);
        scope.spawn(an_idle_connection_has_ten_seconds);
        scope.spawn(a_silent_stream_says_that_it_lives);
        scope.spawn(a_host_that_is_not_heard_of_is_dead);
    });
}

fn a_body_has_ten_seconds() {
    let service = Service::start();
    let mut body = Connection::open(service.addr);
    body.send_raw(b"POST /midonet-api/bridges HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    let late = body.answer().expect("an answer");
    assert!(late.error(408).contains("10 seconds"));
    assert!(body.is_closed());
    assert_eq!(service.show("/bridges"), json!([]));
}

fn a_head_has_ten_seconds() {
    let service = Service::start();
    let mut head = Connection::open(service.addr);
    head.send_raw(b"GET /midonet-api HTTP/1.1\r\nHost: x\r\nX-A: ");
    if let Some(answer) = head.answer() {
        assert_eq!(answer.status, 408);
    }
    assert!(head.is_closed());
}

fn an_idle_connection_has_ten_seconds() {
    let service = Service::start();
    let mut idle = Connection::open(service.addr);
    idle.send("GET", "/midonet-api", &[], "");
    idle.answer().unwrap().expect(200);
    assert!(idle.is_closed());
}

fn a_silent_stream_says_that_it_lives() {
    let service = Service::start();
    let host = service.host("hv1");
    let mut watch = Watch::open(&service, &host, "");
    watch.batch();
    // It does not concern the host, so only a heartbeat tells its revision.
    service.bridge();
    let newest = service.show("/system_state")["revision"].clone();
    let line = watch.line().expect("a line");
    assert_eq!(line["heartbeat"]["revision"], newest, "{line}");
}

fn a_host_that_is_not_heard_of_is_dead() {
    let service = Service::start();
    let id = service.host("hv1");
    let host = format!("/hosts/{id}");
    let port = service.port(&service.bridge());
    let binding = json!({"portId": id_of(&port), "interfaceName": "tap0"});
    let binding = service.create(&format!("{host}/ports"), binding);
    let carried = json!([{"port": id_of(&port), "interface": "tap0", "phase": "active"}]);
    let report = json!({"revision": 1, "bindings": carried});
    service
        .post(&format!("/weft/v1/hosts/{id}/state"), report)
        .expect(204);
    assert_eq!(service.show(&port)["active"], true);
    let until = Instant::now() + PATIENCE;
    while service.show(&host)["alive"] == true {
        assert!(Instant::now() < until, "it lives for ever");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(service.show(&port)["active"], false);
    assert_eq!(service.show("/weft/v1/sync")["hosts"], json!([]));
    // It is not forgotten while it has a port.
    let message = service.delete(&host).error(403);
    assert!(message.contains(id_of(&port)), "{message}");
    service.delete(&binding).expect(204);
    service.delete(&host).expect(204);
    service.get(&host).error(404);
}
