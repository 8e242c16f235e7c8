//! The watch that agents follow: what comes, in which order, and never by half.

use serde_json::{Value, json};

use crate::client::Connection;
use crate::service::{Service, id_of, lasting_address};

/// A host's stream.
pub(crate) struct Watch {
    connection: Connection,
    left: usize,
}

impl Watch {
    pub(crate) fn open(service: &Service, host: &str, query: &str) -> Self {
        let mut connection = Connection::open(service.addr);
        let path = format!("/weft/v1/hosts/{host}/watch{query}");
        connection.send("GET", &path, &[], "");
        let head = connection.head().expect("an answer");
        assert_eq!(head.status, 200);
        let media = head.header("content-type");
        assert_eq!(media, Some("application/x-ndjson"));
        Self {
            connection,
            left: 0,
        }
    }

    /// The next line; `None` at the stream's end.
    pub(crate) fn line(&mut self) -> Option<Value> {
        let line = self.connection.chunked_line(&mut self.left)?;
        Some(serde_json::from_str(&line).expect("a line is one JSON object"))
    }

    /// The lines before the next `complete`, and that. Heartbeats are left out.
    pub(crate) fn batch(&mut self) -> (Vec<Value>, Value) {
        let mut lines = Vec::new();
        loop {
            let line = self.line().expect("a stream without end");
            if line.get("complete").is_some() {
                return (lines, line["complete"].clone());
            }
            if line.get("heartbeat").is_none() {
                lines.push(line);
            }
        }
    }
}

pub(crate) fn interest(service: &Service, host: &str, body: Value) {
    let path = format!("/weft/v1/hosts/{host}/interest");
    service.post(&path, body).expect(204);
}

pub(crate) fn object(kind: &str, path: &str) -> Value {
    json!({"kind": kind, "id": id_of(path)})
}

/// The kinds of objects in `put` lines.
pub(crate) fn kinds(lines: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["put"]["object"]["kind"].as_str())
        .collect();
    kinds.sort_unstable();
    kinds
}

fn store(service: &Service) -> String {
    let state = service.show("/system_state");
    state["store"].as_str().unwrap().to_owned()
}

#[test]
fn a_stream_begins_with_the_host_itself_and_its_ports() {
    let service = Service::start();
    let host = service.host("hv1");
    let bridge = service.bridge();
    let (bound, _) = (service.port(&bridge), service.port(&bridge));
    let binding = json!({"port": id_of(&bound), "interface": "tap0"});
    service
        .post(&format!("/weft/v1/hosts/{host}/bindings"), binding)
        .expect(201);
    let mut watch = Watch::open(&service, &host, "");
    let (lines, complete) = watch.batch();
    assert_eq!(kinds(&lines), ["host", "port"]);
    assert_eq!(
        complete["revision"],
        service.show("/system_state")["revision"]
    );
    assert_eq!(complete["interest"], 0);
    let port = &lines[1]["put"];
    assert_eq!(port["object"]["id"], id_of(&bound));
    assert_eq!(port["revision"], complete["revision"]);
}

#[test]
fn an_interest_in_a_bridge_brings_what_belongs_to_it() {
    let service = Service::start();
    let host = service.host("hv1");
    let (bridge, other) = (service.bridge(), service.bridge());
    let (interior, peer) = (service.port(&bridge), service.port(&other));
    service.port(&bridge);
    service
        .post(&format!("{interior}/link"), json!({"peerId": id_of(&peer)}))
        .expect(201);
    let subnet = json!({"subnetPrefix": "10.0.0.0", "subnetLength": 24});
    let subnet = service.create(&format!("{bridge}/dhcp"), subnet);
    let client = json!({"macAddr": "02:00:00:00:00:01", "ipAddr": "10.0.0.5"});
    service.create(&format!("{subnet}/hosts"), client);
    let entry = json!({"ip": "10.0.0.1", "mac": "02:00:00:00:00:01"});
    service.create(&format!("{bridge}/arp_table"), entry);
    let entry = json!({"macAddr": "02:00:00:00:00:01", "portId": id_of(&interior)});
    service.create(&format!("{bridge}/mac_table"), entry);

    let mut watch = Watch::open(&service, &host, "");
    watch.batch();
    let wanted = json!({"number": 7, "add": [object("bridge", &bridge)]});
    interest(&service, &host, wanted);
    let (lines, complete) = watch.batch();
    assert_eq!(complete["interest"], 7);
    let expected = [
        "arp_entry",
        "bridge",
        "dhcp_host",
        "dhcp_subnet",
        "mac_entry",
        "port",
    ];
    assert_eq!(kinds(&lines), expected);
    // Changes follow without another word; those of other bridges do not.
    service.put(&other, json!({"name": "x"})).expect(204);
    service.put(&bridge, json!({"name": "y"})).expect(204);
    let (lines, _) = watch.batch();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["put"]["object"]["name"], "y");
}

#[test]
fn what_is_asked_for_and_is_not_there_is_gone() {
    let service = Service::start();
    let host = service.host("hv1");
    let mut watch = Watch::open(&service, &host, "");
    watch.batch();
    let nobody = object("bridge", "/6c7ad5c4-1111-4222-8333-444444444444");
    interest(&service, &host, json!({"number": 1, "add": [nobody]}));
    let (lines, complete) = watch.batch();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["gone"]["id"], nobody);
    assert_eq!(complete["interest"], 1);
}

#[test]
fn what_goes_together_is_gone_before_one_complete() {
    let service = Service::start();
    let host = service.host("hv1");
    let bridge = service.bridge();
    let subnet = json!({"subnetPrefix": "10.0.0.0", "subnetLength": 24});
    let subnet = service.create(&format!("{bridge}/dhcp"), subnet);
    for n in 1..=20 {
        let client =
            json!({"macAddr": format!("02:00:00:00:00:{n:02x}"), "ipAddr": format!("10.0.0.{n}")});
        service.create(&format!("{subnet}/hosts"), client);
    }
    let mut watch = Watch::open(&service, &host, "");
    watch.batch();
    let wanted = json!({"number": 1, "add": [object("bridge", &bridge)]});
    interest(&service, &host, wanted);
    assert_eq!(watch.batch().0.len(), 22);
    service.delete(&bridge).expect(204);
    let (lines, complete) = watch.batch();
    assert_eq!(lines.len(), 22);
    for line in &lines {
        assert_eq!(line["gone"]["revision"], complete["revision"]);
    }
}

/// Two ends of a link change in one transaction. At each `complete` they agree.
#[test]
fn no_transaction_is_seen_by_half() {
    const TURNS: usize = 60;
    let service = Service::start();
    let host = service.host("hv1");
    let bridge = service.bridge();
    let ports = [service.port(&bridge), service.port(&bridge)];
    let mut watch = Watch::open(&service, &host, "");
    watch.batch();
    let wanted: Vec<Value> = ports.iter().map(|port| object("port", port)).collect();
    interest(&service, &host, json!({"number": 1, "add": wanted}));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let link = format!("{}/link", ports[0]);
            for _ in 0..TURNS {
                service
                    .post(&link, json!({"peerId": id_of(&ports[1])}))
                    .expect(201);
                service.delete(&link).expect(204);
            }
            service.delete(&bridge).expect(204);
        });
        let mut peers = [Value::Null, Value::Null];
        let (mut revision, mut changes) = (0, 0);
        loop {
            let (lines, complete) = watch.batch();
            if lines.iter().any(|line| line.get("gone").is_some()) {
                assert_eq!(lines.len(), 2, "{lines:?}");
                break;
            }
            for line in lines {
                let port = &line["put"]["object"];
                let which = ports.iter().position(|path| port["id"] == id_of(path));
                peers[which.expect("one of the two")] = port["peer"].clone();
                changes += 1;
            }
            assert_eq!(peers[0].is_null(), peers[1].is_null(), "{complete}");
            let now = complete["revision"].as_u64().unwrap();
            assert!(now > revision, "{now} after {revision}");
            revision = now;
        }
        assert!(changes >= 4, "the stream saw too little to mean anything");
    });
}

#[test]
fn a_stream_continues_after_a_revision_with_what_changed_since() {
    let service = Service::start();
    let host = service.host("hv1");
    let (old, new) = (service.bridge(), service.bridge());
    let mut watch = Watch::open(&service, &host, "");
    let (_, complete) = watch.batch();
    drop(watch);
    service.put(&new, json!({"name": "changed"})).expect(204);

    let query = format!(
        "?revision={}&store={}",
        complete["revision"],
        store(&service)
    );
    let mut watch = Watch::open(&service, &host, &query);
    assert_eq!(watch.batch().0, Vec::<Value>::new());
    let known = json!([object("bridge", &old), object("bridge", &new)]);
    interest(&service, &host, json!({"number": 1, "known": known}));
    let (lines, complete) = watch.batch();
    assert_eq!(complete["interest"], 1);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["put"]["object"]["name"], "changed");
    // Both are followed from now on.
    service.delete(&old).expect(204);
    assert_eq!(watch.batch().0[0]["gone"]["id"]["id"], id_of(&old));
}

#[test]
fn what_cannot_be_continued_begins_with_relist_and_all_that_is_known_comes_whole() {
    let service = Service::start();
    let host = service.host("hv1");
    let bridge = service.bridge();
    let newest = service.show("/system_state")["revision"].as_u64().unwrap();
    let own = store(&service);
    let queries = [
        format!("?revision={newest}&store=another"),
        // The store was put back as it was before.
        format!("?revision={}&store={own}", newest + 1),
    ];
    for query in queries {
        let mut watch = Watch::open(&service, &host, &query);
        let (lines, _) = watch.batch();
        assert!(!lines[0]["relist"]["reason"].as_str().unwrap().is_empty());
        assert_eq!(kinds(&lines), ["host"]);
        let known = json!({"number": 1, "known": [object("bridge", &bridge)]});
        interest(&service, &host, known);
        assert_eq!(kinds(&watch.batch().0), ["bridge"]);
    }
    service
        .get(&format!("/weft/v1/hosts/{host}/watch?revision=x"))
        .violates(400, &["revision"]);
}

#[test]
fn a_restarted_service_relists_what_changed_before_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start_in(folder.path(), &lasting_address());
    let host = service.host("hv1");
    let before = service.show("/system_state");
    service
        .put(&service.bridge(), json!({"name": "x"}))
        .expect(204);
    service.kill();
    let service = Service::start_in(folder.path(), &lasting_address());
    assert_eq!(before["store"], store(&service));
    let query = format!("?revision={}&store={}", before["revision"], store(&service));
    let mut watch = Watch::open(&service, &host, &query);
    let (lines, complete) = watch.batch();
    assert!(lines[0].get("relist").is_some(), "{lines:?}");
    // What it knows as of the newest revision continues without.
    let query = format!(
        "?revision={}&store={}",
        complete["revision"],
        store(&service)
    );
    let mut watch = Watch::open(&service, &host, &query);
    assert_eq!(watch.batch().0, Vec::<Value>::new());
}

#[test]
fn what_is_let_go_is_not_told_any_more() {
    let service = Service::start();
    let host = service.host("hv1");
    let (kept, dropped) = (service.bridge(), service.bridge());
    let mut watch = Watch::open(&service, &host, "");
    watch.batch();
    let wanted = json!([object("bridge", &kept), object("bridge", &dropped)]);
    interest(&service, &host, json!({"number": 1, "add": wanted}));
    watch.batch();
    let letting_go = json!({"number": 2, "drop": [object("bridge", &dropped)]});
    interest(&service, &host, letting_go);
    assert_eq!(watch.batch().1["interest"], 2);
    service.put(&dropped, json!({"name": "x"})).expect(204);
    service.put(&kept, json!({"name": "y"})).expect(204);
    let (lines, _) = watch.batch();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["put"]["object"]["name"], "y");
}

#[test]
fn a_port_that_moves_away_is_told_once_more_with_its_new_place() {
    let service = Service::start();
    let (one, other) = (service.host("hv1"), service.host("hv2"));
    let port = service.port(&service.bridge());
    let binding = json!({"port": id_of(&port), "interface": "tap0"});
    let bind = |host: &str| {
        let path = format!("/weft/v1/hosts/{host}/bindings");
        service.post(&path, binding.clone()).expect(201);
    };
    bind(&one);
    let mut watch = Watch::open(&service, &one, "");
    assert_eq!(kinds(&watch.batch().0), ["host", "port"]);
    bind(&other);
    let (lines, _) = watch.batch();
    assert_eq!(lines[0]["put"]["object"]["binding"]["host"], other);
    // From now on it is the other's.
    service
        .put(&port, json!({"adminStateUp": false}))
        .expect(204);
    let renamed = json!({"name": "hv9", "version": "1", "protocol": 1});
    service
        .put(&format!("/weft/v1/hosts/{one}"), renamed)
        .expect(200);
    let (lines, _) = watch.batch();
    assert_eq!(kinds(&lines), ["host"]);
}

#[test]
fn a_second_watch_of_a_host_ends_the_first() {
    let service = Service::start();
    let host = service.host("hv1");
    let mut first = Watch::open(&service, &host, "");
    first.batch();
    let mut second = Watch::open(&service, &host, "");
    second.batch();
    while let Some(line) = first.line() {
        assert!(line.get("heartbeat").is_some(), "{line}");
    }
    interest(&service, &host, json!({"number": 3}));
    assert_eq!(second.batch().1["interest"], 3);
}

#[test]
fn an_interest_without_a_watch_is_refused_and_a_malformed_one_names_its_place() {
    let service = Service::start();
    let host = service.host("hv1");
    let path = format!("/weft/v1/hosts/{host}/interest");
    let message = service.post(&path, json!({"number": 1})).error(409);
    assert!(message.contains("watch"), "{message}");
    service.post(&path, json!({})).violates(400, &["number"]);
    let wrong = json!({"number": 1, "add": [{"kind": "bridge", "id": "x"}]});
    service.post(&path, wrong).violates(400, &["add[0].id"]);
}
