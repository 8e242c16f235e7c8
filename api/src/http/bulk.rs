//! Requests with much in them (a topology file, a backup): their bodies may be far larger than others', and
//! they may take longer; so there is one at a time.
//!
//! A client that stops in the middle holds up the next change of these for [`IDLE`], one that sends drop by
//! drop for [`BODY_TIME`], and neither any other request.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::arrival::{Arrival, is_of_another_site};
use crate::error::ApiError;
use crate::service::Service;

/// The largest body, in bytes: some million objects.
const BODY_LIMIT: usize = 512 << 20;
/// How long a body may go on without another byte.
const IDLE: Duration = Duration::from_secs(10);
/// How long a body may take to arrive in all.
const BODY_TIME: Duration = Duration::from_secs(300);
/// How long a request waits for its turn.
const TURN_TIME: Duration = Duration::from_secs(20);
/// How long one may take once it has arrived.
const TIME: Duration = Duration::from_secs(600);

/// Where they arrive.
pub(crate) struct Bulk {
    service: Arc<Service>,
    turn: Semaphore,
}

impl Bulk {
    pub(crate) fn new(service: &Arc<Service>) -> Self {
        Self {
            service: service.clone(),
            turn: Semaphore::new(1),
        }
    }
}

/// Reads a request's body in its turn and hands both on.
pub(crate) async fn receive(
    State(bulk): State<Arc<Bulk>>,
    request: Request,
    next: Next,
) -> Response {
    if is_of_another_site(&request) {
        let message = "changes are not taken from web pages of another site (see Origin)";
        return ApiError::Forbidden(message.to_owned()).into_response();
    }
    let mut turn = None;
    if !request.method().is_safe() {
        let Ok(Ok(own)) = timeout(TURN_TIME, bulk.turn.acquire()).await else {
            let message = "another file or backup is being worked on; try again";
            return ApiError::Unavailable(message.to_owned()).into_response();
        };
        turn = Some(own);
    }
    let (mut parts, body) = request.into_parts();
    let seconds = BODY_TIME.as_secs();
    let body = match timeout(BODY_TIME, read(body))
        .await
        .unwrap_or(Err(ApiError::TooSlow { seconds }))
    {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let model = bulk.service.current();
    parts.extensions.insert(Arrival { model, body });
    let request = Request::from_parts(parts, Body::empty());
    let response = timeout(TIME, next.run(request)).await.unwrap_or_else(|_| {
        let seconds = TIME.as_secs();
        let message = format!("the request was not done within {seconds} seconds");
        ApiError::Unavailable(message).into_response()
    });
    drop(turn);
    response
}

async fn read(mut body: Body) -> Result<Bytes, ApiError> {
    let mut read = Vec::new();
    let seconds = IDLE.as_secs();
    while let Some(frame) = timeout(IDLE, body.frame())
        .await
        .map_err(|_| ApiError::TooSlow { seconds })?
    {
        let frame = frame
            .map_err(|error| ApiError::Malformed(format!("the body could not be read: {error}")))?;
        if let Ok(data) = frame.into_data() {
            if read.len() + data.len() > BODY_LIMIT {
                return Err(ApiError::TooLarge { limit: BODY_LIMIT });
            }
            read.extend_from_slice(&data);
        }
    }
    Ok(read.into())
}
