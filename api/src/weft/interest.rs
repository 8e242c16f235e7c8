//! `POST /hosts/ID/interest`: what the host's watch shall bring.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use weft_wire::watch::InterestRequest;

use crate::error::ApiError;
use crate::http::Call;
use crate::resources::App;

/// Hands the request to the host's stream, where the answer comes.
pub(super) async fn ask(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let host = super::host_of(&app, &call)?;
    let request: InterestRequest = super::message(&call)?;
    app.streams.interest(host, request)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
