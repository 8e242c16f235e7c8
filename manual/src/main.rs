//! `weft-manual FOLDER`: writes the programs' man pages to `FOLDER/man` and their shell completions to
//! `FOLDER/completions/SHELL`, each under the name that it is installed by.
//!
//! Purpose: pages that cannot differ from the programs: they are made of the same definitions.
//!
//! Place in the flow: `make man` runs it; nothing imports it, and it is not installed.

mod programs;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use programs::{Program, programs};

/// Shells, and what stands before and after a program's name where they look for its script.
const SHELLS: [(Shell, &str, &str); 3] = [
    (Shell::Bash, "", ""),
    (Shell::Zsh, "_", ""),
    (Shell::Fish, "", ".fish"),
];

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1);
    let folder = PathBuf::from(folder.context("usage: weft-manual FOLDER")?);
    write(&folder)
}

/// Writes everything below a folder.
fn write(folder: &Path) -> Result<()> {
    for Program { command, section } in programs() {
        pages(&command, section, &folder.join("man"))?;
        for (shell, before, after) in SHELLS {
            let folder = folder.join("completions").join(shell.to_string());
            let mut command = command.clone();
            let program = command.get_name().to_owned();
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command, &program, &mut script);
            keep(&folder, &format!("{before}{program}{after}"), &script)?;
        }
    }
    Ok(())
}

/// A page for a program, and one for each of its verbs: `weft-apply(1)`.
fn pages(command: &Command, section: &str, folder: &Path) -> Result<()> {
    let mut command = command.clone().disable_help_subcommand(true);
    command.build();
    page(&command, section, folder)
}

fn page(command: &Command, section: &str, folder: &Path) -> Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let name = name.to_owned();
    let man = Man::new(command.clone())
        .section(section)
        .title(name.to_uppercase())
        .source(concat!("weft ", env!("CARGO_PKG_VERSION")))
        .manual("Weft");
    let mut text = Vec::new();
    man.render(&mut text)
        .with_context(|| format!("make the page of {name}"))?;
    keep(folder, &format!("{name}.{section}"), &text)?;
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        page(verb, section, folder)?;
    }
    Ok(())
}

fn keep(folder: &Path, name: &str, content: &[u8]) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let path = folder.join(name);
    fs::write(&path, content).with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests;
