//! What the service manager is told: that the agent serves, that it still works, that it stops.
//!
//! Purpose: systemd starts what comes after the agent once READY=1 is said, and starts the agent again
//! when WATCHDOG=1 stays away. Place: `main`, beside everything else, on a thread of its own.
//!
//! ```text
//!   every fifth of WatchdogSec:  core answers ── no ─▶ no WATCHDOG=1, STATUS says why
//!                                every worker passes its loop ── no ─▶ the same
//!                                both ─▶ WATCHDOG=1 and STATUS
//! ```
//! The runtime is asked by the way: it carries the core's answer.
//!
//! Races:
//! - *A check is under way when the agent stops*: systemd expects no WATCHDOG=1 after STOPPING=1, and is not
//!   harmed by one.
//!
//! What it does not do: it ends and starts nothing. Without a service manager (no `NOTIFY_SOCKET`) it does
//! nothing at all.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use sd_notify::NotifyState;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use weft_wire::control::Status;

use crate::control::Peers;
use crate::core::{Ask, Message};

/// The control side may be busy with the kernel for so long and be well. Together with the workers' five
/// seconds and one period it is less than the WatchdogSec that is shipped.
const PATIENCE: Duration = Duration::from_secs(10);
/// Checks in one WatchdogSec.
const CHECKS: u32 = 5;
/// Between two checks where there is no watchdog: they only keep the status up to date.
const UNWATCHED: Duration = Duration::from_secs(10);

/// The connection to the service manager; dropped, it ends.
#[derive(Debug)]
pub struct Supervision {
    _end: Option<Sender<()>>,
}

/// Where notifications go.
pub trait Tell: Fn(&[NotifyState<'_>]) + Send + 'static {}
impl<T: Fn(&[NotifyState<'_>]) + Send + 'static> Tell for T {}

impl Supervision {
    /// Says that the agent serves, to the service manager that started it, if one did.
    pub fn begin(peers: &Arc<Peers>, runtime: &Handle) -> io::Result<Self> {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return Ok(Self { _end: None });
        }
        Self::begin_with(peers, runtime, sd_notify::watchdog_enabled(), notify)
    }

    /// The same with a manager of the caller's, and the time after which it calls the agent hung.
    pub fn begin_with(
        peers: &Arc<Peers>,
        runtime: &Handle,
        watchdog: Option<Duration>,
        tell: impl Tell,
    ) -> io::Result<Self> {
        let watchdog = watchdog.filter(|limit| !limit.is_zero());
        let period = watchdog.map_or(UNWATCHED, |limit| limit / CHECKS);
        tell(&[NotifyState::Ready]);
        let (end, ended) = bounded(0);
        let (peers, runtime) = (peers.clone(), runtime.clone());
        std::thread::Builder::new()
            .name("supervision".to_owned())
            .spawn(move || {
                let mut was_well = true;
                loop {
                    let found = examine(&peers, &runtime);
                    match &found {
                        Ok(status) => tell(&[NotifyState::Watchdog, NotifyState::Status(status)]),
                        Err(fault) => tell(&[NotifyState::Status(fault)]),
                    }
                    match found {
                        Err(fault) if was_well => {
                            tracing::error!(
                                fault,
                                "the agent hangs; the service manager is not told that it works"
                            );
                            was_well = false;
                        }
                        Ok(_) if !was_well => {
                            tracing::info!("the agent works again");
                            was_well = true;
                        }
                        _ => {}
                    }
                    if ended.recv_timeout(period) != Err(RecvTimeoutError::Timeout) {
                        return;
                    }
                }
            })?;
        Ok(Self { _end: Some(end) })
    }

    /// Says that the agent stops.
    pub fn stopping(self) {
        if self._end.is_some() {
            notify(&[NotifyState::Stopping]);
        }
    }
}

/// A manager that has gone away costs a line in the log.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager cannot be told of the agent's state");
    }
}

/// What the agent does in a line, or what of it hangs.
fn examine(peers: &Peers, runtime: &Handle) -> Result<String, String> {
    let (sender, answer) = oneshot::channel();
    let asked = peers.core.send(Message::Ask(Ask::Status(sender)));
    asked.map_err(|_| "the control side has ended".to_owned())?;
    // By a task of the runtime: were that stuck, control socket and service would be, too.
    let (forward, answered) = bounded(1);
    runtime.spawn(async move {
        if let Ok(status) = answer.await {
            // Too late, if nobody waits any more.
            let _ = forward.send(status);
        }
    });
    let status = match answered.recv_timeout(PATIENCE) {
        Ok(status) => status,
        Err(RecvTimeoutError::Disconnected) => return Err("the control side has ended".to_owned()),
        Err(RecvTimeoutError::Timeout) => {
            return Err(format!(
                "the control side does not answer within {PATIENCE:?}"
            ));
        }
    };
    peers.hot.pulse().map_err(|error| error.to_string())?;
    Ok(in_words(&status))
}

fn in_words(status: &Status) -> String {
    let active = status.bindings_active;
    let ports = match status.bindings_pending {
        0 => format!("{active} ports active"),
        pending => format!("{active} ports active, {pending} not"),
    };
    let service = match (&status.api, status.api_silence_seconds) {
        (Some(url), _) => format!("follows {url}"),
        (None, Some(silence)) => {
            format!("no topology service for {silence} s: serves from its snapshot")
        }
        (None, None) => "no topology service yet: serves from its snapshot".to_owned(),
    };
    format!("{ports}; {service}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        Status {
            version: "1".to_owned(),
            host_id: "h".to_owned(),
            host_name: "hv1".to_owned(),
            datapath: "weft".to_owned(),
            uptime_seconds: 61,
            api: Some("http://a".to_owned()),
            api_silence_seconds: Some(0),
            revision: 12,
            revision_in_force: 11,
            established: weft_topology::policy::Established::Sever,
            bindings_active: 2,
            bindings_pending: 0,
            flows: 99,
            counters: [].into(),
        }
    }

    #[test]
    fn the_status_names_ports_that_wait_and_a_service_that_is_away() {
        assert_eq!(in_words(&status()), "2 ports active; follows http://a");
        let waiting = Status {
            bindings_pending: 3,
            api: None,
            api_silence_seconds: Some(7),
            ..status()
        };
        assert_eq!(
            in_words(&waiting),
            "2 ports active, 3 not; no topology service for 7 s: serves from its snapshot"
        );
    }
}
