//! Files that are damaged: refused in words that help, or passed over; never overwritten, never a panic.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;
use weft_tests::cloud;
use weft_tests::command::program;
use weft_tests::rest::Rest;
use weft_tests::site::{Site, mac};
use weft_tests::wait;

use super::{LIMIT, state};

/// What became of a program that was started with a damaged file.
enum Outcome {
    /// It ended with 1 and said this.
    Refused(String),
    Serves,
}

/// Starts the service and waits for its end or for its readiness.
fn start_service(config: &Path, rest: &Rest) -> Outcome {
    let mut child = Command::new(program("weft-api"))
        .arg("--config")
        .arg(config)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let ended = wait::until_some("the service to serve or to end", LIMIT, || {
        match child.try_wait().unwrap() {
            Some(status) => Some(Some(status)),
            None => rest.get("").is_ok().then_some(None),
        }
    });
    let Some(status) = ended.unwrap() else {
        child.kill().unwrap();
        child.wait().unwrap();
        return Outcome::Serves;
    };
    let said = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    Outcome::Refused(said)
}

#[test]
fn a_damaged_store_is_refused_with_what_to_do_and_left_as_it_is() {
    let mut site = Site::start("bad-store").unwrap();
    let network = site.network("blue").unwrap();
    let port = cloud::port(&site.rest, &network).unwrap();
    site.agent.kill();
    site.service.kill();
    let (config, store) = (site.dir.join("api.toml"), site.dir.join("topology.redb"));
    let whole = fs::read(&store).unwrap();
    let flipped = |places: &[usize]| {
        let mut bytes = whole.clone();
        places.iter().for_each(|&place| bytes[place] ^= 0x55);
        bytes
    };
    // The header, pages all over the file, and both copies of what says which state is the newest.
    let everywhere: Vec<usize> = (0..whole.len()).step_by(997).collect();
    let damages = [
        ("its first bytes", flipped(&[0, 1, 2]), true),
        ("a bit of every page", flipped(&everywhere), true),
        ("its head", flipped(&(9..320).collect::<Vec<_>>()), true),
        ("half of it", whole[..whole.len() / 2].to_vec(), true),
        ("nothing", Vec::new(), true),
        ("another file", fs::read(&config).unwrap().repeat(500), true),
        // Where nothing is stored damage does no harm; where something is, it must be seen.
        ("one byte", flipped(&[whole.len() / 3]), false),
        ("another byte", flipped(&[whole.len() / 5]), false),
    ];
    for (what, bytes, must_be_seen) in damages {
        fs::write(&store, &bytes).unwrap();
        match start_service(&config, &site.rest) {
            Outcome::Refused(said) => {
                for wanted in [
                    "topology.redb",
                    "damaged or is no store",
                    "put a copy of it back",
                ] {
                    assert!(said.contains(wanted), "{what}: no '{wanted}' in: {said}");
                }
                assert!(
                    fs::read(&store).unwrap() == bytes,
                    "{what}: the file was written to"
                );
            }
            Outcome::Serves => assert!(!must_be_seen, "{what}: it was not seen"),
        }
    }
    fs::remove_file(&store).unwrap();
    fs::create_dir(&store).unwrap();
    let Outcome::Refused(said) = start_service(&config, &site.rest) else {
        panic!("a folder is no store")
    };
    assert!(said.contains("topology.redb"), "{said}");
    fs::remove_dir(&store).unwrap();
    // Put back, it has everything.
    fs::write(&store, &whole).unwrap();
    site.service.start_again().unwrap();
    site.service_is_ready().unwrap();
    site.rest.get(&format!("/ports/{port}")).unwrap();
}

#[test]
fn an_agent_with_damaged_files_asks_anew_passes_over_or_says_what_to_do() {
    let mut site = Site::start("bad-state").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.sync().unwrap();
    site.agent.stop().unwrap();
    let file = |name: &str| site.dir.join("state").join(name);
    let (snapshot, counters, binding, host_id) = (
        file("snapshot.json"),
        file("counters.json"),
        file("bindings/tap-b.json"),
        file("host-id"),
    );
    let whole = fs::read(&snapshot).unwrap();
    let mut flipped = whole.clone();
    flipped.iter_mut().step_by(61).for_each(|byte| *byte ^= 4);
    let damaged_binding = b"{\"v\":1,\"interface\":\"tap-b".to_vec();
    let counts = json!({
        "v": 1, "starts": 1, "drops": [{ "port": null, "reason": "tagged", "packets": u64::MAX }], "flows": []
    });
    let others = [
        counts.to_string().into_bytes(),
        b"{\"v\":1".to_vec(),
        vec![0; 99],
    ];
    let snapshots = [flipped, whole[..whole.len() / 2].to_vec(), Vec::new()];
    for (bytes, counts) in snapshots.into_iter().zip(others) {
        fs::write(&snapshot, bytes).unwrap();
        fs::write(&counters, counts).unwrap();
        fs::write(&binding, &damaged_binding).unwrap();
        site.agent.start_again().unwrap();
        site.agent_is_ready().unwrap();
        // The service has both bindings, and its word counts.
        for tap in ["tap-a", "tap-b"] {
            let active = || state(&site, tap).as_deref() == Some("active");
            wait::until(&format!("{tap} to be active"), LIMIT, active).unwrap();
        }
        assert_eq!(
            fs::read(&binding).unwrap(),
            damaged_binding,
            "it was overwritten"
        );
        site.agent.stop().unwrap();
    }
    let log = site.agent.log();
    assert!(log.contains("the snapshot on disk is not used"), "{log}");
    assert!(log.contains("a binding's file is damaged"), "{log}");
    assert!(log.contains("counters of drops begin anew"), "{log}");
    site.agent.start_again().unwrap();
    site.agent_is_ready().unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.agent.stop().unwrap();

    for bytes in [&b"no uuid"[..], &[0; 36], b""] {
        fs::write(&host_id, bytes).unwrap();
        site.agent.start_again().unwrap();
        assert_eq!(site.agent.ends().unwrap().code(), Some(1));
        let log = site.agent.log();
        let said = log.lines().last().unwrap_or_default();
        for wanted in ["host-id", "put the host's id back", "delete the file"] {
            assert!(said.contains(wanted), "no '{wanted}' in: {said}");
        }
        assert_eq!(fs::read(&host_id).unwrap(), bytes, "it was overwritten");
    }
    assert!(
        !site.agent.log().contains("panicked"),
        "{}",
        site.agent.log()
    );
}
