//! A request, taken apart: what every handler needs of it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::http::HeaderMap;

use super::Urls;
use super::path::Args;
use crate::error::ApiError;
use crate::model::Model;
use crate::service::Service;

/// The largest body, in bytes.
pub(crate) const BODY_LIMIT: usize = 1 << 20;
/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// A request.
pub(crate) struct Call {
    /// Path and query.
    pub(crate) args: Args,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// For the addresses in the answer.
    pub(crate) urls: Urls,
    /// The topology when the request arrived, before its body was read.
    pub(crate) arrival: Arc<Model>,
    /// Its body. Clients of MidoNet send one with every request, `{}` where there is nothing to say.
    pub(crate) body: Bytes,
}

impl FromRequest<Arc<Service>> for Call {
    type Rejection = ApiError;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, ApiError> {
        let arrival = service.current();
        let (mut parts, body) = request.into_parts();
        let path = match RawPathParams::from_request_parts(&mut parts, service).await {
            Ok(params) => params
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            Err(RawPathParamsRejection::MissingPathParams(_)) => Default::default(),
            Err(error) => return Err(ApiError::NotFound(error.body_text())),
        };
        let query = Query::from_request_parts(&mut parts, service)
            .await
            .map_err(|error| ApiError::Malformed(error.body_text()))?;
        let body = read(body).await?;
        Ok(Self {
            args: Args {
                path,
                query: query.0,
            },
            urls: Urls::of(&parts.headers),
            headers: parts.headers,
            arrival,
            body,
        })
    }
}

async fn read(body: axum::body::Body) -> Result<Bytes, ApiError> {
    let too_slow = |_| ApiError::TooSlow {
        seconds: BODY_TIME.as_secs(),
    };
    let read = tokio::time::timeout(BODY_TIME, axum::body::to_bytes(body, BODY_LIMIT));
    read.await.map_err(too_slow)?.map_err(|error| {
        use std::error::Error;
        let limited = std::iter::successors(error.source(), |error| (*error).source())
            .any(|error| error.is::<http_body_util::LengthLimitError>());
        if limited {
            ApiError::TooLarge { limit: BODY_LIMIT }
        } else {
            ApiError::Malformed(format!("the body could not be read: {error}"))
        }
    })
}
