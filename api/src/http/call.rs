//! A request, taken apart: what every handler needs of it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::http::HeaderMap;

use super::Urls;
use super::arrival::Arrival;
use super::path::Args;
use crate::error::ApiError;
use crate::model::Model;
use crate::service::Service;

/// A request.
pub(crate) struct Call {
    /// Path and query.
    pub(crate) args: Args,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// For the addresses in the answer.
    pub(crate) urls: Urls,
    /// The topology when the request's head arrived, before its body was read.
    pub(crate) arrival: Arc<Model>,
    /// Its body. Clients of MidoNet send one with every request, `{}` where there is nothing to say.
    pub(crate) body: Bytes,
}

impl FromRequest<Arc<Service>> for Call {
    type Rejection = ApiError;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, ApiError> {
        let mut parts = request.into_parts().0;
        let arrival = parts.extensions.remove::<Arrival>();
        let arrival = arrival.ok_or_else(|| ApiError::Unavailable("no body was read".into()))?;
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
        Ok(Self {
            args: Args {
                path,
                query: query.0,
            },
            urls: Urls::of(&parts.headers),
            headers: parts.headers,
            arrival: arrival.model,
            body: arrival.body,
        })
    }
}
