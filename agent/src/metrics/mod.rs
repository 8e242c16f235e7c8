//! `/metrics` in the Prometheus text format (version 0.0.4), `/healthz` and `/readyz`.
//!
//! | path | 200 | else |
//! |---|---|---|
//! | `/metrics` | the control side answers | 503 |
//! | `/healthz` | the control side answers | 503 |
//! | `/readyz` | it serves, be it from disk | 503 |

mod families;
mod page;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use weft_observe::metrics::CONTENT_TYPE;

use crate::control::Peers;
use crate::core::{Ask, Message};

pub use families::all;

/// The control side may be busy with the kernel for so long and be healthy.
const PATIENCE: Duration = Duration::from_secs(10);

/// After so long an address that was taken is tried again.
const AGAIN: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct App {
    peers: Arc<Peers>,
    ready: Arc<AtomicBool>,
    /// The running kernel's version.
    kernel: String,
}

/// Serves until the runtime ends. An address that is taken costs the metrics, not the network.
pub async fn serve(listen: SocketAddr, peers: Arc<Peers>, ready: Arc<AtomicBool>) {
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(App {
            peers,
            ready,
            kernel: kernel(),
        });
    let mut complained = false;
    let listener = loop {
        match TcpListener::bind(listen).await {
            Ok(listener) => break listener,
            Err(error) if !complained => {
                tracing::error!(%listen, %error, "no metrics and no health are served until this address is free: \
                    choose another one by metrics.listen");
                complained = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
    };
    if complained {
        tracing::info!(%listen, "metrics and health are served");
    }
    if let Err(error) = axum::serve(listener, routes).await {
        tracing::error!(%listen, %error, "metrics and health are not served any more");
    }
}

async fn ask<T>(app: &App, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Option<T> {
    let (sender, answer) = oneshot::channel();
    app.peers.core.send(Message::Ask(ask(sender))).ok()?;
    tokio::time::timeout(PATIENCE, answer).await.ok()?.ok()
}

fn kernel() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    release.map_or_else(|_| String::new(), |release| release.trim().to_owned())
}

async fn healthz(State(app): State<App>) -> Response {
    match ask(&app, Ask::Status).await {
        Some(_) => (StatusCode::OK, "ok\n").into_response(),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the control side does not answer\n",
        )
            .into_response(),
    }
}

async fn readyz(State(app): State<App>) -> Response {
    match app.ready.load(Ordering::Acquire) {
        true => (StatusCode::OK, "ok\n").into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not serving yet\n").into_response(),
    }
}

async fn metrics(State(app): State<App>) -> Response {
    let Some(core) = ask(&app, Ask::Measure).await else {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "the control side does not answer\n",
        )
            .into_response();
    };
    let hot = app.peers.hot.clone();
    let hot = match tokio::task::spawn_blocking(move || hot.measure()).await {
        Ok(Ok(measures)) => Some(measures),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the hot path's metrics are absent");
            None
        }
        Err(error) => {
            tracing::error!(%error, "the hot path's metrics are absent");
            None
        }
    };
    let lines = app.peers.logs.as_ref().map(|logs| logs.lines());
    let headers = [(header::CONTENT_TYPE, CONTENT_TYPE)];
    let text = page::page(&app.kernel, lines, &core, hot.as_ref());
    (headers, text).into_response()
}
