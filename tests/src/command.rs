//! Runs programs, and says what they printed when they fail.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// The path of one of this workspace's programs, which lie beside the running one.
pub fn program(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    here.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| PathBuf::from(name))
}

/// A command out of words; the first is looked up by [`program`] if it is ours.
pub fn command(words: &[&str]) -> Command {
    let (name, arguments) = words.split_first().unwrap_or((&"true", &[]));
    let ours = [
        "weft",
        "weft-api",
        "weft-agent",
        "weft-vif",
        "mm-ctl",
        "weft-test-vm",
    ];
    let mut command = match ours.contains(name) {
        true => Command::new(program(name)),
        false => Command::new(name),
    };
    command.args(arguments).stdin(Stdio::null());
    command
}

/// The same, inside a network namespace of `ip netns`.
pub fn command_in(netns: &str, words: &[&str]) -> Command {
    let inner = command(words);
    let mut outer = Command::new("ip");
    outer
        .args(["netns", "exec", netns])
        .arg(inner.get_program())
        .args(inner.get_args());
    outer.stdin(Stdio::null());
    outer
}

/// Runs it to its end; fails unless it exits with 0.
pub fn run(words: &[&str]) -> Result<String> {
    checked(command(words))
}

/// Runs it in a namespace; fails unless it exits with 0.
pub fn run_in(netns: &str, words: &[&str]) -> Result<String> {
    checked(command_in(netns, words))
}

/// Runs it to its end and gives whatever it printed and returned.
pub fn output(mut command: Command) -> Result<Output> {
    command
        .output()
        .with_context(|| format!("cannot run {command:?}"))
}

/// Runs it; its standard output if it exits with 0, else an error with all that it printed.
pub fn checked(command: Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = output(command)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!(
            "{shown}: {}\n{text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(text)
}
