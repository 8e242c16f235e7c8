//! `GET /hosts/ID/watch?revision=R&store=S`: the endless stream of what the host follows.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use weft_wire::watch::WatchLine;

use crate::error::ApiError;
use crate::http::Call;
use crate::resources::App;
use crate::service::streams::{HostStream, Resume};

/// Opens the stream, one JSON object a line.
pub(super) async fn watch(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let host = super::host_of(&app, &call)?;
    let store = call.args.query.get("store").map(String::as_str);
    let resume = match call.args.number("revision")? {
        None | Some(0) => Resume::Nowhere,
        Some(_) if store.is_some_and(|store| store != app.store_id()) => {
            Resume::Stale("the host knows the topology of another store".to_owned())
        }
        Some(revision) => Resume::At(revision),
    };
    let stream = HostStream::open(&app, host, resume);
    let chunks = futures::stream::unfold(stream, |mut stream| async {
        let lines = stream.next().await?;
        Some((text(&lines), stream))
    });
    let body = Body::from_stream(chunks.map(Ok::<Bytes, std::convert::Infallible>));
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, body).into_response())
}

fn text(lines: &[WatchLine]) -> Bytes {
    let mut text = String::new();
    for line in lines {
        text.push_str(&serde_json::json!(line).to_string());
        text.push('\n');
    }
    text.into()
}
