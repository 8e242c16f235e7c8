//! How the program begins and ends: configurations, what is in its way, signals.

use std::io::Read;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::client::Connection;
use crate::service::{Service, config, ended, lasting_address, spawn};
use crate::watch::Watch;

/// Runs the program until it ends by itself. Returns its exit status and what it said.
fn refused(folder: &Path, text: &str) -> (i32, String) {
    let mut child = spawn(&config(folder, text));
    let status = ended(&mut child).code().expect("an exit status");
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    (status, said)
}

fn on_store(path: &Path) -> String {
    format!(
        "listen = \"127.0.0.1:0\"\n[store]\npath = \"{}\"\n",
        path.display()
    )
}

#[test]
fn a_wrong_configuration_ends_with_2_names_the_file_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (text, hint) in [
        ("lisen = \"x\"", "did you mean 'listen'?"),
        ("[store]\npaht = \"x\"", "did you mean 'store.path'?"),
        ("listen = \"localhost\"", "such as \"127.0.0.1:8181\""),
        ("listen = \"0.0.0.0:0\"", "loopback"),
        ("log = \"lowd\"", "info"),
        ("[store]\nkind = \"etcd\"", "embedded"),
        ("[auth]\nmode = \"keystone\"", "\"none\""),
        ("listen = \"127.0", "line 1"),
    ] {
        let (status, said) = refused(folder.path(), text);
        assert_eq!(status, 2, "{text}: {said}");
        assert!(said.contains(hint), "{text}: {said}");
        assert!(said.contains("/api.toml"), "{text}: {said}");
    }
}

#[test]
fn wrong_use_ends_with_2_and_help_with_0() {
    let run = |argument: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_weft-api"))
            .args(argument.split(' '))
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    assert_eq!(run("--nonsense").0, Some(2));
    let (status, said) = run("--config /nonexistent/api.toml");
    assert_eq!(status, Some(2));
    assert!(
        said.contains("/nonexistent/api.toml") && said.contains("--config"),
        "{said}"
    );
    let (status, said) = run("--help");
    assert_eq!(status, Some(0));
    assert!(said.contains("/etc/weft/api.toml"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = other.local_addr().unwrap();
    let store = folder.path().join("t.redb");
    let text = format!(
        "listen = \"{addr}\"\n[store]\npath = \"{}\"\n",
        store.display()
    );
    let (status, said) = refused(folder.path(), &text);
    assert_eq!(status, 1);
    assert!(
        said.contains(&addr.to_string()) && said.contains("set another listen"),
        "{said}"
    );
}

#[test]
fn a_store_that_another_process_has_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start_in(folder.path(), &lasting_address());
    let (status, said) = refused(
        folder.path(),
        &on_store(&folder.path().join("topology.redb")),
    );
    assert_eq!(status, 1);
    assert!(said.contains("another process has it"), "{said}");
    service.bridge();
}

#[test]
fn a_store_that_cannot_be_made_says_which_folder_is_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (status, said) = refused(folder.path(), &on_store(&file.join("below/t.redb")));
    assert_eq!(status, 1);
    assert!(said.contains("/file"), "{said}");
    let (status, said) = refused(folder.path(), &on_store(folder.path()));
    assert_eq!(status, 1);
    assert!(said.contains("directory"), "{said}");
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "do not lose this").unwrap();
    let (status, said) = refused(folder.path(), &on_store(&file));
    assert_eq!(status, 1);
    assert!(
        said.contains("notes.txt") && said.contains("move it away"),
        "{said}"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "do not lose this");
}

#[test]
fn sigterm_ends_streams_answers_what_is_under_way_and_ends_with_0() {
    let mut service = Service::start();
    let host = service.host("hv1");
    let mut watch = Watch::open(&service, &host, "");
    watch.batch();
    let mut idle = Connection::open(service.addr);
    idle.send("GET", "/midonet-api", &[], "");
    idle.answer().unwrap().expect(200);
    let mut under_way = Connection::open(service.addr);
    under_way
        .send_raw(b"POST /midonet-api/bridges HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{");
    // The service has taken this one, too, once it answers a later one.
    service.get("").expect(200);
    service.terminate();
    service.logged("stopping");
    while watch.line().is_some() {}
    assert!(idle.is_closed());
    under_way.send_raw(b"}");
    under_way.answer().expect("an answer").expect(201);
    assert_eq!(service.ended().code(), Some(0));
}

#[test]
fn what_was_acknowledged_is_there_after_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start_in(folder.path(), &lasting_address());
    let bridge = service.bridge();
    service.put(&bridge, json!({"name": "kept"})).expect(204);
    let addr = service.addr.to_string();
    service.terminate();
    assert_eq!(service.ended().code(), Some(0));
    let service = Service::start_in(folder.path(), &addr);
    assert_eq!(service.show(&bridge)["name"], "kept");
}
