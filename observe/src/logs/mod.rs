//! Logs: to the journal with their fields where standard error is the journal, else as text to standard error.
//!
//! ```text
//!  event ─▶ filter (changed live: [`Logs::set`]) ─▶ limit of its place in the code ─▶ journal or standard error
//!                                                     └─ counted: said once a minute, and a metric
//! ```
//!
//! Nothing that a guest does may fill a disk: see [`limit`].

mod filter;
mod limit;

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

pub use filter::{FilterError, check};
pub use limit::Lines;
use limit::{Limit, Limiter};

/// The running log.
#[derive(Debug)]
pub struct Logs {
    handle: reload::Handle<EnvFilter, Registry>,
    /// The filter in force, as it was given.
    filter: Mutex<String>,
    limiter: Arc<Limiter>,
}

/// Where lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sink {
    Journal,
    Stderr,
}

/// The log cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is none.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The process logs already.
    #[error("begin the log: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
    /// The thread that says what was left out.
    #[error("start the log's thread: {0}")]
    Thread(#[from] std::io::Error),
}

impl Logs {
    /// Begins to log, for the whole process.
    pub fn begin(filter: &str) -> Result<Arc<Self>, LogError> {
        let (layer, handle) = reload::Layer::new(filter::parse(filter)?);
        let limiter = Arc::new(Limiter::default());
        let journal = match sink() {
            Sink::Journal => tracing_journald::layer().ok(),
            Sink::Stderr => None,
        };
        let out: Box<dyn Layer<_> + Send + Sync> = match journal {
            Some(journal) => Box::new(journal.with_field_prefix(Some("WEFT".to_owned()))),
            None => Box::new(
                tracing_subscriber::fmt::layer()
                    .with_writer(std::io::stderr)
                    // A log that cannot be written (its disk is full, its reader is gone) would be complained of on
                    // stderr: that is the log itself, and a failure there is a panic.
                    .log_internal_errors(false)
                    .with_ansi(std::io::stderr().is_terminal()),
            ),
        };
        let limited = out.with_filter(Limit(limiter.clone()));
        tracing_subscriber::registry()
            .with(layer)
            .with(limited)
            .try_init()?;
        limit::say_what_is_left_out(&limiter)?;
        Ok(Arc::new(Self {
            handle,
            filter: Mutex::new(filter.to_owned()),
            limiter,
        }))
    }

    /// The filter in force.
    pub fn filter(&self) -> String {
        self.lock().clone()
    }

    /// Puts another filter in force; the one before.
    pub fn set(&self, filter: &str) -> Result<String, FilterError> {
        let parsed = filter::parse(filter)?;
        let mut current = self.lock();
        self.handle.reload(parsed).map_err(|error| FilterError {
            filter: filter.to_owned(),
            problem: error.to_string(),
        })?;
        let before = std::mem::replace(&mut *current, filter.to_owned());
        drop(current);
        // An operator's act, which most filters let through; an error would raise alarms.
        tracing::warn!(before, now = filter, "what is logged was changed");
        Ok(before)
    }

    /// How many lines were written, and how many left out.
    pub fn lines(&self) -> Lines {
        self.limiter.lines()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, String> {
        self.filter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// systemd names the journal's end of standard error by its device and inode (systemd.exec(5)); a child whose
/// standard error was sent elsewhere inherits the variable and is not fooled.
fn sink() -> Sink {
    let told = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let stderr = nix::sys::stat::fstat(std::io::stderr().as_fd());
    match stderr.map(|stat| format!("{}:{}", stat.st_dev, stat.st_ino)) {
        Ok(is) if is == told => Sink::Journal,
        Ok(_) | Err(_) => Sink::Stderr,
    }
}
