//! `/metrics` in the Prometheus text format (version 0.0.4), `/healthz` and `/readyz`.
//!
//! | path | 200 | else |
//! |---|---|---|
//! | `/healthz` | the control side answers | 503 |
//! | `/readyz` | it serves, be it from disk | 503 |

use std::collections::BTreeMap;
use std::fmt::Write;
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
use weft_wire::control::Status;

use crate::control::Peers;
use crate::core::{Ask, Message};

/// The control side may be busy with the kernel for so long and be healthy.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct App {
    peers: Arc<Peers>,
    ready: Arc<AtomicBool>,
}

/// Serves until the runtime ends. An address that is taken costs the metrics, not the network.
pub async fn serve(listen: SocketAddr, peers: Arc<Peers>, ready: Arc<AtomicBool>) {
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(App { peers, ready });
    let served = match TcpListener::bind(listen).await {
        Ok(listener) => axum::serve(listener, routes).await,
        Err(error) => Err(error),
    };
    if let Err(error) = served {
        tracing::error!(%listen, %error, "no metrics and no health are served: choose another address by \
            metrics.listen");
    }
}

async fn status(app: &App) -> Option<Status> {
    let (sender, answer) = oneshot::channel();
    app.peers
        .core
        .send(Message::Ask(Ask::Status(sender)))
        .ok()?;
    tokio::time::timeout(PATIENCE, answer).await.ok()?.ok()
}

async fn healthz(State(app): State<App>) -> Response {
    match status(&app).await {
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
    let Some(status) = status(&app).await else {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "the control side does not answer\n",
        )
            .into_response();
    };
    let hot = app.peers.hot.clone();
    let drops = tokio::task::spawn_blocking(move || hot.drops(None)).await;
    let mut by_reason: BTreeMap<String, u64> = BTreeMap::new();
    for drop in drops.ok().and_then(Result::ok).unwrap_or_default() {
        *by_reason.entry(drop.reason).or_default() += drop.packets;
    }
    let headers = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (headers, text(&status, &by_reason)).into_response()
}

fn text(status: &Status, drops: &BTreeMap<String, u64>) -> String {
    let mut out = String::new();
    let mut one = |name: &str, kind: &str, help: &str, value: u64| {
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "# HELP weft_{name} {help}\n# TYPE weft_{name} {kind}\nweft_{name} {value}"
        );
    };
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    one(
        "uptime_seconds",
        "gauge",
        "Seconds since the agent started.",
        status.uptime_seconds,
    );
    one(
        "service_connected",
        "gauge",
        "1 while the topology service is followed.",
        u64::from(status.api.is_some()),
    );
    if let Some(silence) = status.api_silence_seconds {
        one(
            "service_silence_seconds",
            "gauge",
            "Seconds since the topology service was heard of.",
            silence,
        );
    }
    one(
        "snapshot_revision",
        "gauge",
        "Revision of the snapshot in use.",
        status.revision,
    );
    one(
        "revision_in_force",
        "gauge",
        "Revision in force in the kernel.",
        status.revision_in_force,
    );
    one(
        "bindings_active",
        "gauge",
        "Ports that the kernel carries.",
        count(status.bindings_active),
    );
    one(
        "bindings_pending",
        "gauge",
        "Ports that should be carried and are not.",
        count(status.bindings_pending),
    );
    one(
        "flows",
        "gauge",
        "Flows in the kernel.",
        count(status.flows),
    );
    for (name, value) in &status.counters {
        one(
            &format!("{name}_total"),
            "counter",
            &name.replace('_', " "),
            *value,
        );
    }
    let _ = writeln!(
        out,
        "# HELP weft_dropped_packets_total Packets dropped, by reason."
    );
    let _ = writeln!(out, "# TYPE weft_dropped_packets_total counter");
    for (reason, packets) in drops {
        let _ = writeln!(
            out,
            "weft_dropped_packets_total{{reason=\"{}\"}} {packets}",
            escaped(reason)
        );
    }
    out
}

fn escaped(label: &str) -> String {
    label
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
