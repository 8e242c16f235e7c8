//! What a hostile or broken client sends: an error each, and the service goes on.

use serde_json::json;

use crate::client::Connection;
use crate::service::Service;

/// Sends a body to `/bridges` as it is, in one request.
fn post_bytes(service: &Service, body: &[u8]) -> crate::client::Answer {
    let mut connection = Connection::open(service.addr);
    let head = format!(
        "POST /midonet-api/bridges HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection.send_raw(head.as_bytes());
    connection.send_raw(body);
    connection.answer().expect("an answer")
}

#[test]
fn bodies_that_are_no_json_object_are_refused() {
    let service = Service::start();
    let deep = "[".repeat(100_000);
    let deeper = "{\"a\":".repeat(100_000);
    let bodies: [&[u8]; 14] = [
        b"",
        b"null",
        b"[]",
        b"\"text\"",
        b"{",
        b"{}}",
        b"{} trailing",
        b"{\"name\": \"a\",}",
        b"{\"name\": \"\xff\xfe\"}",
        b"{\"name\": \"\\ud800\"}",
        b"\xef\xbb\xbf{}",
        b"\0",
        deep.as_bytes(),
        deeper.as_bytes(),
    ];
    for body in bodies {
        let message = post_bytes(&service, body).error(400);
        assert!(message.len() < 300, "{message}");
    }
    assert_eq!(service.show("/bridges"), json!([]));
}

#[test]
fn of_a_key_that_is_given_twice_the_last_counts() {
    let service = Service::start();
    post_bytes(&service, b"{\"name\": \"first\", \"name\": \"last\"}").expect(201);
    assert_eq!(service.show("/bridges")[0]["name"], "last");
}

#[test]
fn numbers_beyond_all_bounds_are_refused() {
    let service = Service::start();
    for number in [
        "1e400",
        "99999999999999999999999",
        "-0.0",
        "1e2",
        "\"1e2\"",
        "\"0x10\"",
    ] {
        let body = format!("{{\"mtu\": {number}}}");
        post_bytes(&service, body.as_bytes()).error(400);
    }
}

#[test]
fn a_body_over_a_mebibyte_is_413_however_it_is_sent() {
    let service = Service::start();
    let large = vec![b' '; 3 << 20];
    let message = post_bytes(&service, &large).error(413);
    assert!(message.contains("1048576"));
    // In chunks, its length unknown.
    let mut connection = Connection::open(service.addr);
    connection.send_raw(
        b"POST /midonet-api/bridges HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    for _ in 0..48 {
        connection.send_raw(b"10000\r\n");
        connection.send_raw(&vec![b' '; 0x10000]);
        connection.send_raw(b"\r\n");
    }
    connection.send_raw(b"0\r\n\r\n");
    connection.answer().expect("an answer").error(413);
    // Asked before it is sent, it is not sent.
    let mut connection = Connection::open(service.addr);
    connection.send_raw(
        b"POST /midonet-api/bridges HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9999999999\r\n\r\n",
    );
    connection.answer().expect("an answer").error(413);
    // Just as much as is allowed.
    let mut fits = b"{\"name\": \"\"}".to_vec();
    fits.resize(1 << 20, b' ');
    post_bytes(&service, &fits).expect(201);
}

#[test]
fn heads_beyond_all_bounds_are_431_and_close_the_connection() {
    let service = Service::start();
    let many: String = (0..500).map(|n| format!("X-{n}: a\r\n")).collect();
    let long = format!("X-A: {}\r\n", "a".repeat(1 << 20));
    for headers in [many, long] {
        let mut connection = Connection::open(service.addr);
        let head = format!("GET /midonet-api HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        connection.send_raw(head.as_bytes());
        if let Some(answer) = connection.answer() {
            assert_eq!(answer.status, 431);
        }
        assert!(connection.is_closed());
    }
    service.get("").expect(200);
}

#[test]
fn what_is_no_http_is_refused_or_cut_off() {
    let service = Service::start();
    let bytes: [&[u8]; 7] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /midonet-api HTTP/9.9\r\n\r\n",
        b"GET /midonet-api HTTP/1.1\r\nbad header\r\n\r\n",
        b"POST /midonet-api/bridges HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /midonet-api/bridges HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    ];
    for bytes in bytes {
        let mut connection = Connection::open(service.addr);
        connection.send_raw(bytes);
        if let Some(answer) = connection.answer() {
            assert!((400..=505).contains(&answer.status), "{answer:?}");
        }
        assert!(connection.is_closed(), "{bytes:?}");
    }
    // A body cannot hide another request.
    let mut connection = Connection::open(service.addr);
    connection.send_raw(
        b"POST /midonet-api/bridges HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
          0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    let first = connection.answer();
    assert!(first.is_none_or(|answer| answer.status == 400));
    service.get("").expect(200);
}

#[test]
fn paths_beyond_all_bounds_name_nothing() {
    let service = Service::start();
    let long = format!("/bridges/{}", "a".repeat(50_000));
    service.get(&long).error(404);
    for path in [
        "/bridges/..%2f..%2fetc",
        "/../etc/passwd",
        "/bridges?tenant_id=%ff&&&==",
        "/%",
        "/bridges/%zz",
    ] {
        let status = service.get(path).status;
        assert!([200, 400, 404].contains(&status), "{path}: {status}");
    }
}

#[test]
fn headers_cannot_break_out_of_addresses() {
    let service = Service::start();
    let headers = [
        ("X-Forwarded-Host", "a\", \"b\": \"c"),
        ("X-Forwarded-Prefix", "/\"<x>"),
    ];
    let root = service.call("GET", "", &headers, "").expect(200).json();
    assert!(root.get("b").is_none());
}

#[test]
fn web_pages_of_other_sites_change_nothing() {
    let service = Service::start();
    let own = format!("http://{}", service.addr);
    let longer = format!("{own}.example");
    for origin in ["http://evil.example", "null", "http:/", "", longer.as_str()] {
        let headers = [("Origin", origin)];
        service.call("POST", "/bridges", &headers, "{}").error(403);
        service.call("GET", "/bridges", &headers, "").expect(200);
    }
    let headers = [("Origin", own.as_str())];
    service.call("POST", "/bridges", &headers, "{}").expect(201);
    assert_eq!(service.show("/bridges").as_array().unwrap().len(), 1);
}

#[test]
fn of_many_that_delete_one_thing_one_does_it() {
    let service = Service::start();
    for _ in 0..10 {
        let bridge = service.bridge();
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| service.delete(&bridge).status))
                .collect();
            asked.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
        assert_eq!((count(204), count(404)), (1, 7), "{statuses:?}");
    }
}

#[test]
fn of_many_that_make_one_id_one_does_it() {
    let service = Service::start();
    for _ in 0..10 {
        let id = uuid::Uuid::new_v4().to_string();
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| service.post("/bridges", json!({"id": id})).status))
                .collect();
            asked.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
        assert_eq!((count(201), count(409)), (1, 7), "{statuses:?}");
    }
}

/// Children are added while their parent goes: none is left without it, and nobody waits for ever.
#[test]
fn nothing_is_left_of_a_bridge_whose_parts_were_made_while_it_went() {
    let service = Service::start();
    for _ in 0..10 {
        let bridge = service.bridge();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        let status = service.post(&format!("{bridge}/ports"), json!({})).status;
                        assert!([201, 404].contains(&status), "{status}");
                    }
                });
            }
            scope.spawn(|| service.delete(&bridge).expect(204));
        });
    }
    assert_eq!(service.show("/ports"), json!([]));
}
