//! Says what is on the host: at once when it changes, and often enough to keep the host's lease.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use weft_wire::host::StateReport;

use super::Client;

/// A lease lives 10 s; two reports may get lost.
const PERIOD: Duration = Duration::from_secs(3);

/// Reports while the host is registered, until the control side has ended.
pub(super) async fn report(
    client: Arc<Client>,
    mut reports: watch::Receiver<Arc<StateReport>>,
    registered: Arc<watch::Sender<bool>>,
) {
    let mut known = registered.subscribe();
    loop {
        if known.wait_for(|known| *known).await.is_err() {
            return;
        }
        match tokio::time::timeout(PERIOD, reports.changed()).await {
            Ok(Err(_)) => return,
            Ok(Ok(())) | Err(_) => {}
        }
        let newest = reports.borrow_and_update().clone();
        match client.report(&newest).await {
            Ok(()) => {}
            // Deleted, or a new store: the watch is opened anew, and that begins by registering.
            Err(error) if error.is_not_found() => drop(registered.send_replace(false)),
            Err(error) => tracing::debug!(%error, "the report was not taken"),
        }
    }
}
