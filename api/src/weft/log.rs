//! `/log`: what the service logs, shown and changed while it runs.

use axum::extract::State;
use axum::response::Response;
use weft_wire::log::{LogChange, LogFilter};

use crate::error::ApiError;
use crate::http::Call;
use crate::resources::App;

/// The filter in force.
pub(super) async fn show(State(app): State<App>, _: Call) -> Result<Response, ApiError> {
    let filter = logs(&app)?.filter();
    Ok(super::answer(&LogFilter { filter }))
}

/// Puts another one in force, until the next start.
pub(super) async fn change(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let wanted: LogFilter = super::message(&call)?;
    let before = logs(&app)?
        .set(&wanted.filter)
        .map_err(|error| ApiError::Malformed(error.to_string()))?;
    let now = wanted.filter;
    Ok(super::answer(&LogChange { before, now }))
}

fn logs(app: &App) -> Result<&weft_observe::logs::Logs, ApiError> {
    let none = || ApiError::Unavailable("this process logs nothing of its own".to_owned());
    app.logs().ok_or_else(none)
}
