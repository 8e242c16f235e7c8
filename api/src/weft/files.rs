//! `/apply`, `/export`, `/files`: topology files.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use weft_topology::id::HostId;
use weft_wire::apply::{Applied, ApplyRequest, FileInfo};

use crate::error::ApiError;
use crate::file::{self, Plan};
use crate::http::Call;
use crate::model::Model;
use crate::model::document::Document;
use crate::resources::App;
use crate::service::Planned;

/// What has changed since the differences were shown.
const MOVED: &str = "what would be changed is not what was shown, as the topology has changed since: \
                     nothing was done; look at the differences again";

/// `POST /apply`: the differences, or, with the plan of those, all of them in one transaction.
pub(super) async fn apply(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let request: ApplyRequest = super::message(&call)?;
    let plan = |model: &Model| {
        let present = |host: HostId, interface: &str| app.host_state(host).has_interface(interface);
        file::plan(model, &request.file, &present)
    };
    let Some(wanted) = &request.plan else {
        let Plan { answer, whole, .. } = plan(&app.current())?;
        let changes = request.whole.then_some(whole);
        return Ok(super::answer(&Applied { changes, ..answer }));
    };
    let (answer, revision) = app
        .write_planned(|model| {
            let Plan {
                planned, answer, ..
            } = plan(model)?;
            if answer.plan != *wanted {
                return Err(ApiError::Conflict(MOVED.to_owned()));
            }
            Ok((planned, answer))
        })
        .await?;
    Ok(super::answer(&Applied {
        revision,
        applied: true,
        ..answer
    }))
}

/// `GET /export?name=N&bindings=true`.
pub(super) async fn export(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let name = call.args.query.get("name").map(String::as_str);
    let bindings = match call.args.query.get("bindings").map(String::as_str) {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(ApiError::property("bindings", "want true or false")),
    };
    let export = file::export(&app.current(), name, bindings)?;
    Ok(super::answer(&export))
}

/// `GET /files`: the files that are remembered.
pub(super) async fn list(State(app): State<App>) -> Response {
    let model = app.current();
    let files = model.files().map(|(name, members)| FileInfo {
        name: name.clone(),
        objects: members.len(),
    });
    super::answer(&files.collect::<Vec<FileInfo>>())
}

/// `DELETE /files/N`: the file's objects stay, and belong to no file.
pub(super) async fn forget(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let name = call.args.text("file").to_owned();
    app.write_planned(|model| {
        let members = model.file(&name).ok_or_else(|| call.args.unknown("file"))?;
        let gone = members.keys().map(|object| Document::Member {
            file: name.clone(),
            object: *object,
            path: None,
        });
        let planned = Planned {
            changes: Vec::new(),
            documents: gone.collect(),
        };
        Ok((planned, ()))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
