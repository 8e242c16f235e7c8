//! The command line of `weft-api`.

use std::path::PathBuf;

use clap::Parser;

/// The topology service of Weft: MidoNet's REST API, and the watch that agents follow.
///
/// Runs in the foreground, logs to stderr, and ends on SIGTERM. Exit status: 0 stopped, 1 failed,
/// 2 wrong use or configuration.
#[derive(Debug, Parser)]
#[command(name = "weft-api", version)]
pub struct Cli {
    /// The configuration file (TOML).
    #[arg(long, value_name = "FILE", default_value = "/etc/weft/api.toml")]
    pub config: PathBuf,
}
