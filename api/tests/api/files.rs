//! Topology files and backups over HTTP: what was shown is what is done, or nothing is.

use serde_json::{Value, json};

use crate::client::Connection;
use crate::service::{Service, id_of};

fn file() -> Value {
    json!({"name": "f", "bridge": {"a": {"mtu": 1400, "port": {"p": {}, "q": {"peer": "b/r"}}}, "b": {"port": {"r": {}}}}})
}

fn look(service: &Service, file: &Value) -> Value {
    let body = json!({ "file": file });
    service.post("/weft/v1/apply", body).expect(200).json()
}

fn plan(answer: &Value) -> String {
    answer["plan"].as_str().unwrap().to_owned()
}

fn revision(service: &Service) -> u64 {
    service.show("/system_state")["revision"].as_u64().unwrap()
}

#[test]
fn what_was_shown_is_made_in_one_transaction() {
    let service = Service::start();
    let found = look(&service, &file());
    assert_eq!(found["applied"], false);
    assert_eq!(revision(&service), 0, "looking changes nothing");
    let body = json!({"file": file(), "plan": plan(&found)});
    let done = service
        .post("/weft/v1/apply", body.clone())
        .expect(200)
        .json();
    assert_eq!(
        (&done["applied"], &done["revision"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(done["differences"], found["differences"]);
    assert_eq!(service.show("/bridges").as_array().unwrap().len(), 2);
    // The same again is not what was shown: there is nothing to do any more.
    service.post("/weft/v1/apply", body).error(409);
    let again = look(&service, &file());
    assert_eq!(again["differences"], json!([]));
    let body = json!({"file": file(), "plan": plan(&again)});
    service.post("/weft/v1/apply", body).expect(200);
    assert_eq!(revision(&service), 1, "nothing is written");
}

#[test]
fn what_is_not_what_was_shown_any_more_is_not_done() {
    let service = Service::start();
    let body = json!({"file": file(), "plan": plan(&look(&service, &file()))});
    service.post("/weft/v1/apply", body).expect(200);
    let mut other = file();
    other["bridge"]["a"]["mtu"] = json!(1300);
    let found = look(&service, &other);
    let bridge = found["differences"][0]["object"]["id"].as_str().unwrap();
    // What has nothing to do with it is in nobody's way.
    service.bridge();
    let body = json!({"file": other, "plan": plan(&found)});
    service
        .put(&format!("/bridges/{bridge}"), json!({"mtu": 1200}))
        .expect(204);
    let before = revision(&service);
    let message = service.post("/weft/v1/apply", body).error(409);
    assert!(message.contains("nothing was done"), "{message}");
    assert_eq!(revision(&service), before);
    let found = look(&service, &other);
    service.bridge();
    let body = json!({"file": other, "plan": plan(&found)});
    service.post("/weft/v1/apply", body).expect(200);
    assert_eq!(service.show(&format!("/bridges/{bridge}"))["mtu"], 1300);
}

#[test]
fn a_file_that_is_not_understood_is_not_half_understood() {
    let service = Service::start();
    for (body, property) in [
        (
            json!({"file": {"bridge": {"a": {"colour": "red"}}}}),
            "file.bridge.a.colour",
        ),
        (json!({"file": {"router": {}}}), "file.router"),
        (json!({}), "file"),
        (
            json!({"file": {"bridge": {"a": {"mtu": 7}}}}),
            "bridge.a.mtu",
        ),
    ] {
        let answer = service.post("/weft/v1/apply", body);
        answer.violates(400, &[property]);
    }
    service.call("POST", "/weft/v1/apply", &[], "{").error(400);
    let from_elsewhere = [("Origin", "http://evil.example")];
    for path in ["apply", "restore"] {
        let path = format!("/weft/v1/{path}");
        service
            .call("POST", &path, &from_elsewhere, "{}")
            .error(403);
    }
    service
        .get("/weft/v1/export?bindings=perhaps")
        .violates(400, &["bindings"]);
    service.get("/weft/v1/export?name=f").error(404);
    service.delete("/weft/v1/files/f").error(404);
    assert_eq!(revision(&service), 0);
}

#[test]
fn a_backup_is_restored_as_shown_or_not_at_all() {
    let service = Service::start();
    let bridge = service.bridge();
    let kept = service.get("/weft/v1/backup").expect(200);
    assert_eq!(kept.header("content-type"), Some("application/x-ndjson"));
    service.delete(&bridge).expect(204);
    let restore = |query: &str, text: &str| {
        let path = format!("/weft/v1/restore{query}");
        service.call("POST", &path, &[], text)
    };
    let found = restore("", &kept.body).expect(200).json();
    let query = format!("?plan={}", plan(&found));
    // Meanwhile somebody makes what would be removed.
    let other = service.bridge();
    let before = revision(&service);
    restore(&query, &kept.body).error(409);
    restore(&query, &kept.body[1..]).error(400);
    assert_eq!(revision(&service), before);
    let found = restore("", &kept.body).expect(200).json();
    restore(&format!("?plan={}", plan(&found)), &kept.body).expect(200);
    assert_eq!(revision(&service), before + 1);
    service.get(&bridge).expect(200);
    service.get(&other).error(404);
    assert_eq!(service.show("/bridges")[0]["id"], id_of(&bridge));
}

#[test]
fn who_stops_in_the_middle_of_a_backup_holds_up_nobody_else() {
    let service = Service::start();
    let mut stuck = Connection::open(service.addr);
    stuck
        .send_raw(b"POST /weft/v1/restore HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf");
    // Requests of every other kind go on.
    service.bridge();
    service.get("/weft/v1/backup").expect(200);
    service.get("/weft/v1/files").expect(200);
    // The next change of this kind waits until the first is given up.
    service
        .post("/weft/v1/apply", json!({"file": {}}))
        .expect(200);
    assert_eq!(stuck.answer().expect("an answer").status, 408);
}
