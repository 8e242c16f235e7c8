//! `weft-api`: the topology service.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use weft_api::args::Cli;
use weft_api::config::Config;
use weft_api::server::Server;
use weft_api::supervision;
use weft_observe::limits;
use weft_observe::logs::Logs;

/// Wrong use, or a wrong configuration.
const WRONG_USE: u8 = 2;

fn main() -> ExitCode {
    let arguments = Cli::parse();
    let config = match Config::read(&arguments.config) {
        Ok(config) => config,
        Err(error) => return fail(&error.into(), WRONG_USE),
    };
    let logs = match Logs::begin(&config.log) {
        Ok(logs) => logs,
        Err(error) => return fail(&error.into(), 1),
    };
    // Each host has a watch open.
    limits::raise_descriptors();
    match run(&config, logs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

fn fail(error: &anyhow::Error, status: u8) -> ExitCode {
    // Nobody may read it any more.
    let _ = writeln!(std::io::stderr(), "weft-api: {error:#}");
    ExitCode::from(status)
}

fn run(config: &Config, logs: Arc<Logs>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        // Before anything else, so that a signal during the start is not lost.
        let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping");
            supervision::stopping();
        };
        let server = Server::start(config).await?.with_logs(logs);
        tracing::info!(listen = %server.addr()?, store = %config.store.path.display(), "ready");
        supervision::begin(server.addr()?, server.store());
        server.run(stop).await?;
        Ok(())
    })
}
