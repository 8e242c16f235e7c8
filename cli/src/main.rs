//! `weft`: see [`weft_cli`].

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use weft_cli::Error;
use weft_cli::args::Cli;
use weft_cli::verbs;

fn main() -> ExitCode {
    match verbs::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // It has been shown.
        Err(error @ Error::Differs) => ExitCode::from(error.exit_status()),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "weft: {error}");
            ExitCode::from(error.exit_status())
        }
    }
}
