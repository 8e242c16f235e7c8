//! `/login`: a token for user and password. Without authentication (`auth.mode = "none"`) everybody
//! gets one and no request needs it.

use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use axum::routing::post;
use serde::Serialize;
use uuid::Uuid;

use super::{App, generic};
use crate::error::ApiError;
use crate::http::{Call, Media};

const MEDIA: Media = Media::new("Token", &[1]);

/// How long a client may keep a token before it asks for another.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn routes() -> Router<App> {
    Router::new().route("/login", post(login).get(login))
}

#[derive(Serialize)]
struct Token {
    key: Uuid,
    expires: String,
}

async fn login(State(_): State<App>, call: Call) -> Result<Response, ApiError> {
    let media = MEDIA.answer(&call.headers)?;
    let token = Token {
        key: Uuid::new_v4(),
        expires: httpdate::fmt_http_date(SystemTime::now() + LIFE),
    };
    let cookie = format!("sessionId={}; Expires={}", token.key, token.expires);
    let mut response = generic::answer(&media, &token);
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
