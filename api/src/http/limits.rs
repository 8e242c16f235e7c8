//! Limits of requests that have arrived: how many are worked on at a time, and how long one may take.
//! Watches have none of these.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::error::ApiError;

/// Requests that are worked on at a time.
const AT_A_TIME: usize = 256;
/// How long a request waits for its turn.
const TURN_TIME: Duration = Duration::from_secs(5);
/// How long a request may take.
const TIME: Duration = Duration::from_secs(30);

/// The requests that are worked on.
pub(crate) struct Limits {
    turns: Semaphore,
}

impl Limits {
    pub(crate) fn new() -> Self {
        Self {
            turns: Semaphore::new(AT_A_TIME),
        }
    }
}

/// Lets a request through in its turn.
pub(crate) async fn apply(
    State(limits): State<Arc<Limits>>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = match timeout(TURN_TIME, limits.turns.acquire()).await {
        Ok(_turn) => timeout(TIME, next.run(request)).await.unwrap_or_else(|_| {
            let seconds = TIME.as_secs();
            let message = format!("the request was not done within {seconds} seconds");
            ApiError::Unavailable(message).into_response()
        }),
        Err(_) => {
            let message = format!("{AT_A_TIME} requests are being worked on; try again");
            ApiError::Unavailable(message).into_response()
        }
    };
    tracing::debug!(%method, path, status = response.status().as_u16(), took = ?begun.elapsed());
    response
}
