//! `weft-test-packages`: one act of the packages' test, run in a guest with systemd by `make test-packages`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use weft_tests::demo::report::say;
use weft_tests::packages::{first, second};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    /// Before the reboot.
    First {
        /// The folder of the packages.
        packages: PathBuf,
        /// The folder of the same packages with a higher version.
        next: PathBuf,
        /// With the steps that `make test` has no time for.
        #[arg(long)]
        all: bool,
    },
    /// After it.
    Second,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if std::env::var_os("WEFT_GUEST").is_none() {
        say(
            "weft-test-packages: runs in the test guest, whose packages it changes: type `make test-packages`",
        );
        return ExitCode::from(2);
    }
    let held = match cli.act {
        Act::First {
            packages,
            next,
            all,
        } => first::play(&packages, &next, all),
        Act::Second => second::play(),
    };
    match held {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
