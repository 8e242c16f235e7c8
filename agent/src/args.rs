//! The command line of `weft-agent`.

use std::path::PathBuf;

use clap::Parser;

use crate::config::DEFAULT_PATH;

/// Runs virtual networks on this host: binds interfaces to virtual ports and keeps the kernel's flows.
///
/// SIGTERM ends it with status 0 and leaves datapath and flows, so that a restart loses no packet.
/// Exit status: 0 done, 1 failed, 2 wrong use or configuration.
#[derive(Debug, Parser)]
#[command(name = "weft-agent", version)]
pub struct Cli {
    /// The configuration file (TOML); an empty one is valid.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    pub config: PathBuf,
    /// Remove the datapath and the state of this host, and end.
    #[arg(long)]
    pub purge: bool,
}
