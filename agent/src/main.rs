//! `weft-agent`: reads its configuration, takes its locks, starts the agent, and ends when told.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use weft_agent::args::Cli;
use weft_agent::config::Config;
use weft_agent::control::{ControlSocket, Peers};
use weft_agent::core::{self, Ended, Message};
use weft_agent::identity::Identity;
use weft_agent::lock::Locks;
use weft_agent::supervision::Supervision;
use weft_agent::{files, metrics, purge, worker};
use weft_observe::limits;
use weft_observe::logs::Logs;
use weft_wire::plug_file::FOLDER;

/// After SIGTERM, what has not ended by then is left behind.
const FAREWELL: Duration = Duration::from_secs(3);

/// Wrong use, or a wrong configuration.
const WRONG_USE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let config = match Config::load(&cli.config) {
        Ok(config) => config,
        Err(error) => return fail(&error.into(), WRONG_USE),
    };
    match run(&cli, &config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

/// Logging may not have begun, and an operator reads the last line first.
fn fail(error: &anyhow::Error, status: u8) -> ExitCode {
    // Some errors name their cause themselves.
    let mut text = error.to_string().trim_end().to_owned();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(cause.trim_end()) {
            text = format!("{text}: {cause}");
        }
    }
    // Nobody may read it any more.
    let _ = writeln!(std::io::stderr(), "weft-agent: {text}");
    ExitCode::from(status)
}

fn run(cli: &Cli, config: &Config) -> Result<()> {
    let logs = Logs::begin(&config.log)?;
    // Each port has a socket.
    limits::raise_descriptors();
    files::make_dir(&config.state_dir)?;
    files::make_dir(&config.run_dir)?;
    let _locks = Locks::take(&config.state_dir, &config.run_dir, &config.datapath)?;
    for folder in [config.state_dir.clone(), config.state_dir.join(FOLDER)] {
        files::clear_unfinished(&folder);
    }
    if cli.purge {
        purge::purge(config)?;
        tracing::info!(datapath = config.datapath, "datapath and state are removed");
        return Ok(());
    }
    let identity = Identity::find(config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("control")
        .enable_all()
        .build()
        .context("start the runtime")?;
    let outcome = serve(config, identity, &runtime, logs);
    runtime.shutdown_timeout(Duration::from_millis(200));
    outcome
}

fn serve(
    config: &Config,
    identity: Identity,
    runtime: &tokio::runtime::Runtime,
    logs: Arc<Logs>,
) -> Result<()> {
    // Before anything is started: a signal that comes early is not lost.
    let (mut terminate, mut interrupt) = {
        let _entered = runtime.enter();
        (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        )
    };
    let started = core::start(config, identity, runtime.handle(), worker::start)?;
    let peers = Arc::new(Peers {
        core: started.sender.clone(),
        hot: started.hot.clone(),
        client: started.client.clone(),
        logs: Some(logs),
    });
    let socket = {
        let _entered = runtime.enter();
        ControlSocket::bind(&config.socket())?
    };
    runtime.spawn(socket.serve(peers.clone()));
    runtime.spawn(metrics::serve(
        config.metrics.listen,
        peers.clone(),
        started.ready.clone(),
    ));
    let supervision = Supervision::begin(&peers, runtime.handle())
        .context("start the thread that tells the service manager")?;
    let thread = started.thread;
    let mut ended = runtime.spawn_blocking(move || thread.join());
    runtime.block_on(async {
        let told = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
            broken = &mut ended => return broken_off(broken),
        };
        tracing::info!(signal = told, "stopping; datapath and flows stay");
        supervision.stopping();
        let _ = started.sender.send(Message::Stop);
        match tokio::time::timeout(FAREWELL, ended).await {
            Ok(_) => Ok(()),
            Err(_) => bail!("the control side did not end within {FAREWELL:?}"),
        }
    })
}

fn broken_off(ended: Result<std::thread::Result<Ended>, tokio::task::JoinError>) -> Result<()> {
    match ended.context("wait for the control side")? {
        Ok(Ended::Told) => Ok(()),
        Ok(Ended::Broken(reason)) => bail!("{reason}; start the agent again"),
        Err(_) => bail!("the control side panicked: start the agent again"),
    }
}
