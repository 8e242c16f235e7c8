//! Clients that are slow, or that stop in the middle, hold up nobody and fill no memory.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::client::{Connection, PATIENCE};
use crate::service::{Service, id_of};
use crate::watch::Watch;

/// More than requests are worked on at a time.
const MANY: usize = 300;

#[test]
fn bodies_that_do_not_arrive_hold_up_nobody() {
    let service = Service::start();
    let stalled: Vec<Connection> = (0..MANY)
        .map(|_| {
            let mut connection = Connection::open(service.addr);
            connection.send_raw(
                b"POST /midonet-api/bridges HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
            );
            connection
        })
        .collect();
    service.bridge();
    assert_eq!(service.show("/bridges").as_array().unwrap().len(), 1);
    drop(stalled);
}

#[test]
fn connections_beyond_a_thousand_that_say_nothing_hold_up_nobody() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    // The service inherits the limit that the test has until then.
    let service = Service::start();
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let mut silent = Vec::new();
    for _ in 0..12 {
        silent.extend((0..100).map(|_| Connection::open(service.addr)));
        // It has taken them all once it answers a later one.
        service.get("").expect(200);
    }
    service.bridge();
    let open = std::fs::read_dir(format!("/proc/{}/fd", service.pid())).unwrap();
    assert!(open.count() > 1200, "it closed some to serve others");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let service = Service::start();
    let mut connection = Connection::open(service.addr);
    let mut text = String::new();
    for n in 0..50 {
        let body = format!("{{\"name\": \"b{n}\"}}");
        text.push_str(&format!(
            "POST /midonet-api/bridges HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        text.push_str("GET /midonet-api/bridges HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    connection.send_raw(text.as_bytes());
    for n in 0..50 {
        connection.answer().unwrap().expect(201);
        let bridges = connection.answer().unwrap().expect(200).json();
        assert_eq!(bridges.as_array().unwrap().len(), n + 1);
    }
}

#[test]
fn a_request_that_comes_byte_by_byte_is_served() {
    let service = Service::start();
    let mut stream = TcpStream::connect(service.addr).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for byte in b"GET /midonet-api HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" {
        stream.write_all(&[*byte]).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

/// 30 MB of changes pass by a watch that nobody reads.
#[test]
fn a_watch_that_is_not_read_fills_no_memory_and_holds_up_nobody() {
    const CHANGES: usize = 60;
    let service = Service::start();
    let host = service.host("hv1");
    let bridge = service.bridge();
    let mut watch = Watch::open(&service, &host, "");
    watch.batch();
    let wanted = json!({"number": 1, "add": [{"kind": "bridge", "id": id_of(&bridge)}]});
    service
        .post(&format!("/weft/v1/hosts/{host}/interest"), wanted)
        .expect(204);
    // A long list: a name may not be as long.
    let servers = vec!["10.100.100.100"; 36_000];
    let subnet = |n: usize| {
        json!({"subnetPrefix": "10.0.0.0", "subnetLength": 24, "leaseSeconds": n + 1,
               "dnsServerAddrs": servers})
    };
    let path = service.create(&format!("{bridge}/dhcp"), subnet(0));
    let put = |n: usize| {
        service.put(&path, subnet(n)).expect(204);
    };
    (0..10).for_each(put);
    let before = service.memory();
    (10..CHANGES).for_each(put);
    let grown = service.memory().saturating_sub(before);
    assert!(grown < 15_000_000, "memory grew by {grown} bytes");
    // Read at last, it comes to the newest state, perhaps by way of fewer.
    let newest = service.show("/system_state")["revision"].clone();
    let mut puts = 0;
    loop {
        let (lines, complete) = watch.batch();
        puts += lines.len();
        if complete["revision"] == newest {
            let last = &lines.last().unwrap()["put"]["object"];
            assert_eq!(last["lease_seconds"], CHANGES);
            break;
        }
    }
    assert!(puts < CHANGES, "nothing was left out: {puts}");
}
