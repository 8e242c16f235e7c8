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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn status() -> Status {
        Status {
            version: "1".to_owned(),
            host_id: "h".to_owned(),
            host_name: "hv1".to_owned(),
            datapath: "weft".to_owned(),
            uptime_seconds: 61,
            api: None,
            api_silence_seconds: Some(7),
            revision: 12,
            revision_in_force: 11,
            bindings_active: 2,
            bindings_pending: 1,
            flows: 99,
            counters: [("upcalls".to_owned(), 5), ("flow_writes".to_owned(), 6)].into(),
        }
    }

    #[test]
    fn every_sample_has_its_help_and_type_before_it_and_there_is_none_twice() {
        let drops = [("no_route".to_owned(), 3), ("a \"\\\n".to_owned(), 4)].into();
        let text = text(&status(), &drops);
        assert!(text.ends_with('\n'));
        let (mut described, mut typed, mut samples) =
            <(BTreeSet<_>, BTreeSet<_>, Vec<_>)>::default();
        for line in text.lines() {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match words[..] {
                ["#", "HELP", name, help] => {
                    assert!(described.insert(name) && !help.is_empty(), "{line}");
                }
                ["#", "TYPE", name, kind] => {
                    assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                    assert!(typed.insert(name), "{line}");
                }
                _ => {
                    let (sample, value) = line.rsplit_once(' ').unwrap();
                    let name = sample.split('{').next().unwrap();
                    assert!(described.contains(name) && typed.contains(name), "{line}");
                    samples.push((sample, value.parse::<u64>().unwrap()));
                }
            }
        }
        for expected in [
            ("weft_uptime_seconds", 61),
            ("weft_service_connected", 0),
            ("weft_service_silence_seconds", 7),
            ("weft_snapshot_revision", 12),
            ("weft_revision_in_force", 11),
            ("weft_bindings_active", 2),
            ("weft_bindings_pending", 1),
            ("weft_flows", 99),
            ("weft_upcalls_total", 5),
            ("weft_flow_writes_total", 6),
            ("weft_dropped_packets_total{reason=\"no_route\"}", 3),
            ("weft_dropped_packets_total{reason=\"a \\\"\\\\\\n\"}", 4),
        ] {
            assert!(samples.contains(&expected), "no {expected:?} in\n{text}");
        }
        assert_eq!(samples.len(), 12);
    }

    #[test]
    fn a_service_that_was_never_heard_of_has_no_silence() {
        let status = Status {
            api_silence_seconds: None,
            ..status()
        };
        assert!(!text(&status, &BTreeMap::new()).contains("silence"));
    }
}
