//! `GET /sync`: how far the live hosts are.

use axum::extract::State;
use axum::response::Response;
use weft_topology::{Kind, Object};
use weft_wire::sync::{HostSync, SyncStatus};

use crate::error::ApiError;
use crate::http::Call;
use crate::resources::App;

/// Compares what the live hosts have in force with the revision asked for. A host that was not
/// heard of since the service started counts as live until its lease would have run out.
pub(super) async fn status(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let model = app.current();
    let revision = call.args.number("revision")?.unwrap_or(model.revision);
    let mut hosts: Vec<HostSync> = Vec::new();
    for object in model.topology.of_kind(Kind::Host) {
        let Object::Host(host) = object else { continue };
        let state = app.host_state(host.id);
        if state.alive {
            let reported = state.report.map(|report| report.revision);
            hosts.push(HostSync {
                id: host.id,
                name: host.name.clone(),
                revision: reported,
                in_force: reported.is_some_and(|reported| reported >= revision),
            });
        }
    }
    hosts.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    let in_force = hosts.iter().all(|host| host.in_force);
    if !in_force {
        // Hosts that no change concerned hear of the revision now, not with the next heartbeat.
        app.streams.nudge();
    }
    Ok(super::answer(&SyncStatus {
        revision,
        in_force,
        hosts,
    }))
}
