//! `POST /hosts/ID/state`: what is on the host.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use weft_wire::host::StateReport;

use crate::error::ApiError;
use crate::http::Call;
use crate::resources::App;

/// Keeps the report as long as the host's lease, which it renews.
pub(super) async fn report(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let host = super::host_of(&app, &call)?;
    let report: StateReport = super::message(&call)?;
    app.report(host, &report).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
