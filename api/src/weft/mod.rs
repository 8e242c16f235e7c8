//! `/weft/v1`: what agents and operators ask beyond MidoNet's API. The messages are in `weft-wire`.

mod backups;
mod bindings;
mod files;
mod interest;
mod log;
mod ports;
mod registration;
mod state;
mod sync;
mod watch;

use axum::Router;
use axum::routing::{delete, get, post, put};
use serde::Serialize;
use serde::de::DeserializeOwned;
use weft_topology::id::HostId;

use crate::error::ApiError;
use crate::http::{Call, body};
use crate::resources::App;

/// Below which path these lie, at the root and below the base path.
pub(crate) const PATH: &str = "/weft/v1";

/// Most of them, below [`PATH`].
pub(crate) fn routes() -> Router<App> {
    const HOST: &str = "/hosts/{host}";
    Router::new()
        .route(HOST, put(registration::register))
        .route(&format!("{HOST}/state"), post(state::report))
        .route(&format!("{HOST}/interest"), post(interest::ask))
        .route(&format!("{HOST}/bindings"), post(bindings::bind))
        .route(
            &format!("{HOST}/bindings/{{port}}"),
            delete(bindings::unbind),
        )
        .route("/log", get(log::show).put(log::change))
        .route("/ports", get(ports::find))
        .route("/sync", get(sync::status))
}

/// Those with much to send or to answer, which need more room and time than others.
pub(crate) fn bulk_routes() -> Router<App> {
    Router::new()
        .route("/apply", post(files::apply))
        .route("/export", get(files::export))
        .route("/files", get(files::list))
        .route("/files/{file}", delete(files::forget))
        .route("/backup", get(backups::backup))
        .route("/restore", post(backups::restore))
}

/// The watch alone, which lasts as long as its reader.
pub(crate) fn watch_routes() -> Router<App> {
    Router::new().route("/hosts/{host}/watch", get(watch::watch))
}

/// The host that a path names; an error when it has not registered.
fn host_of(app: &App, call: &Call) -> Result<HostId, ApiError> {
    let id: HostId = call.args.id("host")?;
    if app.current().topology.host(id).is_none() {
        let message = format!("there is no host {id}: it registers by PUT {PATH}/hosts/{id}");
        return Err(ApiError::NotFound(message));
    }
    Ok(id)
}

/// A message from a request's body.
fn message<M: DeserializeOwned>(call: &Call) -> Result<M, ApiError> {
    body::message(&call.body)
}

/// 200 with a message.
fn answer(message: &impl Serialize) -> axum::response::Response {
    crate::resources::answer("application/json", message)
}
