//! `/system_state`: whether the service takes changes.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use weft_store::Revision;

use super::{App, generic};
use crate::error::ApiError;
use crate::http::{Call, Media};

const MEDIA: Media = Media::new("SystemState", &[2]);

pub(super) fn routes() -> Router<App> {
    Router::new().route("/system_state", get(read))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SystemState {
    uri: String,
    state: &'static str,
    availability: &'static str,
    version: &'static str,
    write_version: &'static str,
    /// MidoNet's client prints it, whatever it is, after each start.
    information: Option<String>,
    /// Weft's own: the newest revision.
    revision: Revision,
    /// Weft's own: the name of the store, without which a revision means nothing.
    store: String,
}

async fn read(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let media = MEDIA.answer(&call.headers)?;
    let state = SystemState {
        uri: call.urls.to("/system_state"),
        state: "ACTIVE",
        availability: "READWRITE",
        version: env!("CARGO_PKG_VERSION"),
        write_version: env!("CARGO_PKG_VERSION"),
        information: None,
        revision: app.current().revision,
        store: app.store_id().to_owned(),
    };
    Ok(generic::answer(&media, &state))
}
