//! What the service manager is told: that the service serves, that it still works, that it stops.
//!
//! Purpose: systemd starts what comes after the service once READY=1 is said, and starts the service again
//! when WATCHDOG=1 stays away. Place: `main`, as a task of the runtime beside the requests.
//!
//! The store is read in every fifth of WatchdogSec; WATCHDOG=1 is sent only when it answered. A runtime
//! that hangs sends nothing, either.
//!
//! What it does not do: it ends and starts nothing. Without a service manager (no `NOTIFY_SOCKET`) it does
//! nothing at all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use weft_store::Store;

/// The store may be busy for so long and be well.
const PATIENCE: Duration = Duration::from_secs(10);
/// Checks in one WatchdogSec.
const CHECKS: u32 = 5;
/// Between two checks where there is no watchdog: they only keep the status up to date.
const UNWATCHED: Duration = Duration::from_secs(10);
/// The document that is read; whether there is one does not matter.
const KEY: &str = "pulse";

/// Says that the service serves, to the service manager that started it, if one did, and from then on
/// that it works. Within the runtime.
pub fn begin(listen: SocketAddr, store: Arc<dyn Store>) {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    let watchdog = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero());
    let period = watchdog.map_or(UNWATCHED, |limit| limit / CHECKS);
    notify(&[NotifyState::Ready]);
    tokio::spawn(async move {
        loop {
            match tokio::time::timeout(PATIENCE, store.get(KEY)).await {
                Ok(Ok(_)) => {
                    let newest = store.newest();
                    let status = format!("serves on {listen}; revision {newest}");
                    notify(&[NotifyState::Watchdog, NotifyState::Status(&status)]);
                }
                Ok(Err(error)) => hangs(&format!("the store cannot be read: {error}")),
                Err(_) => hangs(&format!("the store does not answer within {PATIENCE:?}")),
            }
            tokio::time::sleep(period).await;
        }
    });
}

/// Says that the service stops.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

fn hangs(fault: &str) {
    tracing::error!(
        fault,
        "the service hangs; the service manager is not told that it works"
    );
    notify(&[NotifyState::Status(fault)]);
}

/// A manager that has gone away costs a line in the log. Without one this does nothing.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager cannot be told of the service's state");
    }
}
