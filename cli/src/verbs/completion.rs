//! `weft completion`: the script by which a shell completes this program's words.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;

/// Prints the script.
pub fn run(shell: Shell) {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    // A reader who closed the pipe has seen enough.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), &script);
}
