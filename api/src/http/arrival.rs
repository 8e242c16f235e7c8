//! The arrival of a request: its body is read whole, within bounds, before the request takes a turn.
//! So clients that are slow, or that stop in the middle, hold up nobody.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Urls;
use crate::error::ApiError;
use crate::model::Model;
use crate::service::Service;

/// The largest body, in bytes.
const BODY_LIMIT: usize = 1 << 20;
/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);
/// Bodies up to this length, in bytes, are read at any time.
const SMALL: usize = 64 << 10;
/// Longer ones that are read at a time: they take at most 64 MiB.
const LONG_AT_A_TIME: usize = 64;
/// How long a longer one waits for its turn.
const TURN_TIME: Duration = Duration::from_secs(5);
/// So much of a body that is too large is read and thrown away, in bytes: many clients send all of it
/// before they look at the answer.
const DISCARDED: usize = 16 << 20;

/// A request that has arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// The topology when its head arrived.
    pub(crate) model: Arc<Model>,
    /// Its body.
    pub(crate) body: Bytes,
}

/// Where requests arrive.
pub(crate) struct Gate {
    service: Arc<Service>,
    long: Semaphore,
}

impl Gate {
    pub(crate) fn new(service: &Arc<Service>) -> Self {
        Self {
            service: service.clone(),
            long: Semaphore::new(LONG_AT_A_TIME),
        }
    }

    async fn read(&self, mut body: Body, announced: usize) -> Result<Bytes, ApiError> {
        let broken = |error| ApiError::Malformed(format!("the body could not be read: {error}"));
        let mut turn = None;
        let mut read = Vec::new();
        let mut left = DISCARDED;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(broken)?.into_data() else {
                continue;
            };
            if read.len() + data.len() > BODY_LIMIT || left < DISCARDED {
                read.clear();
                left = left.saturating_sub(data.len());
                if left == 0 {
                    break;
                }
                continue;
            }
            read.extend_from_slice(&data);
            if read.len().max(announced) > SMALL && turn.is_none() {
                turn = Some(self.turn().await?);
            }
        }
        if left < DISCARDED {
            return Err(ApiError::TooLarge { limit: BODY_LIMIT });
        }
        Ok(read.into())
    }

    async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, ApiError> {
        let busy = || {
            ApiError::Unavailable(format!(
                "{LONG_AT_A_TIME} bodies over {SMALL} bytes are being read; try again"
            ))
        };
        let turn = timeout(TURN_TIME, self.long.acquire()).await;
        turn.map_err(|_| busy())?.map_err(|_| busy())
    }
}

/// Whether a web page of another site sends this. A browser lets every page that its user looks at send
/// requests to loopback addresses, and says so in `Origin`; programs send none.
pub(super) fn is_of_another_site(request: &Request) -> bool {
    let headers = request.headers();
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let own = Urls::of(headers);
    !request.method().is_safe() && !origin.to_str().is_ok_and(|origin| own.is_origin(origin))
}

/// Reads a request's body and hands both on.
pub(crate) async fn receive(
    State(gate): State<Arc<Gate>>,
    request: Request,
    next: Next,
) -> Response {
    if is_of_another_site(&request) {
        let message = "changes are not taken from web pages of another site (see Origin)";
        return ApiError::Forbidden(message.to_owned()).into_response();
    }
    let model = gate.service.current();
    let (mut parts, body) = request.into_parts();
    let announced = parts.headers.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse().ok());
    let announced: usize = announced.unwrap_or(0);
    if announced > BODY_LIMIT && parts.headers.contains_key(header::EXPECT) {
        // It asks before it sends, and would send only if the body were looked at.
        return ApiError::TooLarge { limit: BODY_LIMIT }.into_response();
    }
    let seconds = BODY_TIME.as_secs();
    let body = timeout(BODY_TIME, gate.read(body, announced))
        .await
        .unwrap_or(Err(ApiError::TooSlow { seconds }));
    match body {
        Ok(body) => {
            parts.extensions.insert(Arrival { model, body });
            next.run(Request::from_parts(parts, Body::empty())).await
        }
        Err(error) => error.into_response(),
    }
}
