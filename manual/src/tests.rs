//! Every program has its pages and scripts, and they say what its `--help` says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

use super::programs::programs;
use super::write;

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn every_program_and_verb_has_a_page_and_every_shell_a_script() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path()).unwrap();
    let man = names(&folder.path().join("man"));
    for program in programs() {
        let mut command = program.command;
        command.build();
        let name = command.get_name().to_owned();
        assert!(
            man.contains(&format!("{name}.{}", program.section)),
            "{name}"
        );
        for verb in command
            .get_subcommands()
            .filter(|verb| verb.get_name() != "help")
        {
            let page = format!("{name}-{}.{}", verb.get_name(), program.section);
            assert!(man.contains(&page), "{page}");
        }
        for (shell, file) in [
            ("bash", name.clone()),
            ("zsh", format!("_{name}")),
            ("fish", format!("{name}.fish")),
        ] {
            let scripts = names(&folder.path().join("completions").join(shell));
            assert!(scripts.contains(&file), "{shell} {file}");
        }
    }
    let apply = std::fs::read_to_string(folder.path().join("man/weft-apply.1")).unwrap();
    assert!(apply.contains("one transaction"), "{apply}");
    assert!(apply.contains("dry\\-run"), "{apply}");
}
