//! The control socket against clients that are slow, wrong or hostile.

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;

use serde_json::json;

use crate::cloud::{Cloud, lasting_address};
use crate::machine::{Host, Refused, answer};
use crate::{LIMIT, until};

/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:9";

fn send(host: &Host, bytes: &[u8]) -> Result<serde_json::Value, Refused> {
    let mut stream = UnixStream::connect(host.socket()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    answer(BufReader::new(stream)).1
}

#[test]
fn what_is_no_request_is_refused_with_what_is_wrong() {
    let host = Host::new(NOBODY);
    let port = uuid::Uuid::new_v4();
    let plug = |more: &str| {
        format!(
            r#"{{"v":1,"verb":"plug","port":"{port}","interface":"tap1","timeout_ms":1{more}}}"#
        )
    };
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for (request, says) in [
        ("".to_owned(), "no line of JSON"),
        ("\n".to_owned(), "no line of JSON"),
        ("hello\n".to_owned(), "no line of JSON"),
        ("[]\n".to_owned(), "no version"),
        ("null\n".to_owned(), "no version"),
        (deep, "no line of JSON"),
        (r#"{"verb":"status"}"#.to_owned(), "no version"),
        (
            r#"{"v":2,"verb":"status"}"#.to_owned(),
            "version 2, this agent speaks 1",
        ),
        (r#"{"v":"1","verb":"status"}"#.to_owned(), "version"),
        (r#"{"v":1}"#.to_owned(), "verb"),
        (r#"{"v":1,"verb":"explode"}"#.to_owned(), "explode"),
        (plug(r#","mtu":70000"#), "70000"),
        (plug(r#","mtu":-1"#), "-1"),
        (r#"{"v":1,"verb":"unplug"}"#.to_owned(), "interface"),
        (
            r#"{"v":1,"verb":"unbind_port","port":"x"}"#.to_owned(),
            "not understood",
        ),
    ] {
        let refused = send(&host, request.as_bytes()).unwrap_err();
        let short: String = request.chars().take(80).collect();
        assert_eq!(refused.code, "bad_request", "{short}: {}", refused.message);
        assert!(
            refused.message.contains(says),
            "{short}: {}",
            refused.message
        );
    }
    let refused = send(&host, b"{\"v\":1,\"verb\":\"\xff\xfe\"}\n").unwrap_err();
    assert_eq!(refused.code, "bad_request");
    // A newer program may say more than this agent knows.
    send(&host, br#"{"v":1,"verb":"status","reason":"x"}"#).unwrap();
    // A request without an end of line, and one that is followed by more.
    send(&host, br#"{"v":1,"verb":"status"}"#).unwrap();
    send(&host, b"{\"v\":1,\"verb\":\"status\"}\nmore\n").unwrap();
}

#[test]
fn a_request_without_end_is_cut_off_with_an_answer() {
    let host = Host::new(NOBODY);
    for length in [256 << 10, 300 << 10, 2 << 20] {
        let refused = send(&host, &vec![b' '; length]).unwrap_err();
        assert_eq!(refused.code, "bad_request");
        assert!(
            refused.message.contains("bytes at most"),
            "{}",
            refused.message
        );
    }
}

#[test]
fn a_name_that_is_no_interfaces_is_refused_and_written_nowhere() {
    let host = Host::new(NOBODY);
    let port = uuid::Uuid::new_v4().to_string();
    for name in [
        "../../evil",
        "..",
        "a/b",
        "",
        "sixteen-letters-",
        "a b",
        "all\u{0}",
    ] {
        let refused = host.plug(&port, name).unwrap_err();
        assert_eq!(refused.code, "bad_request", "{name:?}");
        host.unplug(name);
    }
    let found = std::fs::read_dir(host.root()).unwrap();
    let names: Vec<_> = found.map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name == "evil.json"), "{names:?}");
    let bindings = std::fs::read_dir(host.state_dir().join("bindings")).unwrap();
    assert_eq!(bindings.count(), 0);
}

#[test]
fn who_reads_nothing_or_says_nothing_keeps_nobody_from_being_served() {
    let host = Host::new(NOBODY);
    let flows: Vec<_> = (0..8)
        .map(|_| host.send(&json!({"v": 1, "verb": "flows"})))
        .collect();
    let silent: Vec<_> = (0..8)
        .map(|_| UnixStream::connect(host.socket()).unwrap())
        .collect();
    host.status();
    // One of them begins to read: it is sent as much as it reads.
    let mut reader = flows.into_iter().next().unwrap();
    let mut some = vec![0; 1 << 20];
    reader.read_exact(&mut some).unwrap();
    drop(silent);
}

#[test]
fn callers_that_are_gone_free_their_places() {
    let cloud = Cloud::start();
    let host = Host::new(&cloud.url());
    host.follows(true);
    // Its interface never comes.
    let port = cloud.port(&cloud.bridge());
    for _ in 0..2 {
        let waiting: Vec<_> = (0..64)
            .map(|_| host.plugging(&port, "tap1", 600_000))
            .collect();
        drop(waiting);
        // Within its patience, if they are missed.
        host.status();
    }
}

#[test]
fn the_socket_is_for_root_and_its_group_and_a_new_agent_replaces_it() {
    let mut host = Host::new(NOBODY);
    let look = |host: &Host| std::fs::symlink_metadata(host.socket()).unwrap();
    for _ in 0..2 {
        let found = look(&host);
        assert!(found.file_type().is_socket());
        assert_eq!(found.permissions().mode() & 0o777, 0o660);
        host.status();
        host.restart();
    }
    // As a crash leaves it.
    host.stop();
    std::fs::remove_file(host.socket()).unwrap();
    std::fs::write(host.socket(), "").unwrap();
    host.start();
    assert!(look(&host).file_type().is_socket());
    let left = std::fs::read_dir(host.socket().parent().unwrap()).unwrap();
    assert_eq!(left.count(), 1, "more than the socket is left");
}

#[test]
fn an_agent_that_stops_answers_those_who_wait() {
    let mut host = Host::new(NOBODY);
    let port = uuid::Uuid::new_v4().to_string();
    let waiting = host.plugging(&port, "tap1", 600_000);
    until("the plug to be taken", || host.state("tap1").is_some());
    let waiter = std::thread::spawn(move || {
        let mut text = String::new();
        let mut waiting = waiting;
        // The runtime may end before the answer is on its way: that is an end, too.
        let _ = waiting.read_to_string(&mut text);
        text
    });
    host.stop();
    let text = waiter.join().unwrap();
    assert!(text.is_empty() || text.contains("stopping"), "{text}");
}

#[test]
fn questions_to_the_hot_path_are_answered_and_refused_by_it() {
    let host = Host::new(NOBODY);
    let port = uuid::Uuid::new_v4().to_string();
    let trace = |frame: &str| {
        let request = json!({"v": 1, "verb": "trace", "port": port, "frame": frame});
        host.ask(request).1.unwrap_err().code
    };
    assert_eq!(trace("zz"), "bad_request");
    assert_eq!(trace("00"), "not_found");
    let (drops, done) = host.ask(json!({"v": 1, "verb": "drops"}));
    done.unwrap();
    assert_eq!(drops[0]["packets"], 3);
    let (learned, done) = host.ask(json!({"v": 1, "verb": "learned"}));
    assert_eq!((learned.len(), done.is_ok()), (0, true));
    let status = host.status();
    assert_eq!(status["hostName"], "hv1");
    assert_eq!(status["counters"]["upcalls"], 5);
    assert!(status["api"].is_null() && status["apiSilenceSeconds"].is_null());
}

#[test]
fn metrics_and_health_say_whether_the_agent_serves() {
    let host = Host::new(NOBODY);
    let listen = lasting_address();
    host.serve_metrics(listen);
    until("them to be served", || TcpStream::connect(listen).is_ok());
    let get = |path: &str| {
        let mut stream = TcpStream::connect(listen).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    for path in ["/healthz", "/readyz", "/metrics"] {
        let text = get(path);
        assert!(text.starts_with("HTTP/1.0 200"), "{path}: {text}");
    }
    let text = get("/metrics");
    assert!(text.contains("text/plain; version=0.0.4"), "{text}");
    assert!(text.contains("\nweft_parked_packets 5\n"), "{text}");
    assert!(text.contains("{reason=\"a \\\"test\\\"\"} 3\n"), "{text}");
    assert!(get("/else").starts_with("HTTP/1.0 404"));
    host.end_core();
    for path in ["/healthz", "/metrics"] {
        let text = get(path);
        assert!(text.starts_with("HTTP/1.0 503"), "{path}: {text}");
    }
}
