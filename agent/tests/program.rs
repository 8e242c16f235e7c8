//! The program as an operator runs it, as far as it comes without a kernel's datapath.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use weft_agent::lock::Locks;

/// Status and the last thing that it says.
fn run(words: &[&str]) -> (Option<i32>, String) {
    let program = Command::new(env!("CARGO_BIN_EXE_weft-agent"))
        .args(words)
        .output()
        .unwrap();
    let said =
        String::from_utf8(program.stderr).unwrap() + &String::from_utf8_lossy(&program.stdout);
    (program.status.code(), said)
}

fn with_config(folder: &Path, text: &str) -> (Option<i32>, String) {
    let path = folder.join("agent.toml");
    std::fs::write(&path, text).unwrap();
    run(&["--config", path.to_str().unwrap()])
}

#[test]
fn wrong_use_and_a_wrong_configuration_end_with_two_and_say_what_is_right() {
    let dir = tempfile::tempdir().unwrap();
    for (text, says) in [
        (
            "state-dir = '/x'",
            "line 1: there is no key 'state-dir'; did you mean 'state_dir'?",
        ),
        ("state_dir = 'x'", "state_dir: 'x' must begin with /"),
        ("[metrics]\nlisten = 9464", "expected socket address"),
        ("log = 'a=b'", "is neither a level (error, warn, info"),
    ] {
        let (status, said) = with_config(dir.path(), text);
        assert_eq!(status, Some(2), "{said}");
        assert_eq!(said.matches(says).count(), 1, "{said}");
    }
    let (status, said) = run(&["--config", "/nowhere/agent.toml"]);
    assert_eq!(status, Some(2), "{said}");
    assert_eq!(said.matches("No such file").count(), 1, "{said}");
    assert_eq!(run(&["--nonsense"]).0, Some(2));
    assert_eq!(run(&["nonsense"]).0, Some(2));
}

#[test]
fn help_and_version_are_no_failures() {
    let (status, said) = run(&["--help"]);
    assert_eq!(status, Some(0), "{said}");
    for word in [
        "--config",
        "--purge",
        "/etc/weft/agent.toml",
        "SIGTERM",
        "2 wrong use",
    ] {
        assert!(said.contains(word), "no {word} in {said}");
    }
    assert_eq!(run(&["--version"]).0, Some(0));
}

#[test]
fn a_folder_that_cannot_be_used_ends_with_one_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = dir.path().join("run");
    for bad in ["/proc/nowhere", "/dev/null"] {
        let text = format!("state_dir = '{bad}'\nrun_dir = '{}'", run_dir.display());
        let (status, said) = with_config(dir.path(), &text);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains(&format!("make directory {bad}")), "{said}");
    }
}

#[test]
fn a_second_agent_is_refused_and_so_is_a_purge_beside_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let (state, run_dir) = (dir.path().join("state"), dir.path().join("run"));
    for folder in [&state, &run_dir] {
        std::fs::create_dir(folder).unwrap();
    }
    std::fs::write(state.join("host-id"), "kept").unwrap();
    let _first = Locks::take(&state, &run_dir, "weft-program-test").unwrap();
    let text = format!(
        "state_dir = '{}'\nrun_dir = '{}'\ndatapath = 'weft-program'",
        state.display(),
        run_dir.display()
    );
    let (status, said) = with_config(dir.path(), &text);
    assert_eq!(status, Some(1), "{said}");
    let me = format!("another weft-agent (process {}) uses", std::process::id());
    assert!(said.contains(&me), "{said}");
    let config = dir.path().join("agent.toml");
    let (status, said) = run(&["--config", config.to_str().unwrap(), "--purge"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(state.join("host-id").exists());
}
