//! `/backup` and `/restore`: the store as a text, and back.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use weft_wire::backup::Restored;

use crate::backup::{self, BackupError, Plan};
use crate::error::ApiError;
use crate::http::Call;
use crate::model::Model;
use crate::resources::App;

/// What has changed since it was shown what a restore does.
const MOVED: &str = "what would be replaced is not what was shown, as the topology has changed since: \
                     nothing was done; look again";

/// `GET /backup`: everything in the store as of one revision.
pub(super) async fn backup(State(app): State<App>) -> Result<Response, ApiError> {
    let listing = app.listing().await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let taken = now.map_or(0, |since| since.as_secs());
    let text = backup::write(&listing, app.store_id(), taken);
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Bytes::from(text)).into_response())
}

/// `POST /restore`: what a backup would replace, or, with `?plan=`, that it does, in one transaction.
pub(super) async fn restore(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let backup = backup::read(&call.body)?;
    let plan = |model: &Model| backup::plan(model, &backup, |host| app.host_state(host).alive);
    let Some(wanted) = call.args.query.get("plan") else {
        let Plan { answer, .. } = plan(&app.current())?;
        return Ok(super::answer(&answer));
    };
    let (answer, revision) = app
        .write_planned(|model| {
            let Plan { planned, answer } = plan(model)?;
            if answer.plan != *wanted {
                return Err(ApiError::Conflict(MOVED.to_owned()));
            }
            Ok((planned, answer))
        })
        .await?;
    tracing::info!(
        revision,
        of = backup.header.revision,
        "a backup was restored"
    );
    Ok(super::answer(&Restored {
        revision,
        applied: true,
        ..answer
    }))
}

impl From<BackupError> for ApiError {
    fn from(error: BackupError) -> Self {
        ApiError::Malformed(error.to_string())
    }
}
