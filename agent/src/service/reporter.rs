//! Says what is on the host: at once when it changes or when a service has just heard of the host, and
//! often enough to keep the host's lease.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use weft_wire::host::StateReport;

use super::Client;

/// A lease lives 10 s; two reports may get lost.
const PERIOD: Duration = Duration::from_secs(3);

/// The newest report, once there is one.
pub(super) type Newest = Option<Arc<StateReport>>;

/// Reports while the host is registered, until the control side has ended. `registered` counts the
/// registrations; 0: the service does not know the host. `taken` has the report that the service took last.
pub(super) async fn report(
    client: Arc<Client>,
    mut reports: watch::Receiver<Newest>,
    registered: Arc<watch::Sender<u64>>,
    taken: watch::Sender<Newest>,
) {
    let mut known = registered.subscribe();
    let mut told = 0;
    loop {
        let registration = match known.wait_for(|known| *known > 0).await {
            Ok(registration) => *registration,
            Err(_) => return,
        };
        if registration == told {
            tokio::select! {
                changed = reports.changed() => if changed.is_err() { return },
                changed = known.changed() => if changed.is_err() { return } else { continue },
                () = tokio::time::sleep(PERIOD) => {}
            }
        }
        let newest = reports.borrow_and_update().clone();
        let Some(newest) = newest else {
            // The first one is being made.
            if reports.changed().await.is_err() {
                return;
            }
            continue;
        };
        told = registration;
        match client.report(&newest).await {
            Ok(()) => drop(taken.send_replace(Some(newest))),
            // Deleted, or a new store: the watch is opened anew, and that begins by registering.
            Err(error) if error.is_not_found() => {
                registered.send_if_modified(|known| {
                    let is_so = *known == registration;
                    *known = if is_so { 0 } else { *known };
                    is_so
                });
            }
            Err(error) => tracing::debug!(%error, "the report was not taken"),
        }
    }
}
