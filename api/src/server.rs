//! The server: store, service and connections, from start to stop.
//!
//! ```text
//!  accept ─▶ a task a connection ─▶ normalise path ─▶ router ─▶ body ─▶ limits ─▶ handler ─▶ Service
//!                                                                └─▶ watch (as long as its reader) ─▶ HostStream
//!  follow task: store ─▶ Service
//! ```
//! On stop: no new connection; streams end; requests get 4 s to finish; the store is closed.

use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::uri::{PathAndQuery, Uri};
use axum::middleware;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::TcpUserTimeout;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use weft_observe::logs::Logs;
use weft_store::{Embedded, OpenError, Options, Store};

use crate::config::Config;
use crate::error::ApiError;
use crate::http::arrival::{self, Gate};
use crate::http::bulk::{self, Bulk};
use crate::http::limits::{self, Limits};
use crate::http::urls::BASE_PATH;
use crate::service::{Service, StartError};
use crate::{metrics, resources, weft};

/// How long requests may take to finish after the stop.
const LAST_REQUESTS: Duration = Duration::from_secs(4);
/// How long a request's head may take to arrive, and a connection may be idle.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long a client may leave unread what was sent to it, in milliseconds.
const UNREAD_TIME: u32 = 30_000;
/// How long a process that had the store and the address before may take to be gone.
const PREDECESSOR: Duration = Duration::from_secs(1);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// A server that is ready: bound, its topology loaded.
pub struct Server {
    listener: TcpListener,
    service: Arc<Service>,
}

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be had.
    #[error("cannot listen on {addr}: {error}; {}", advice(.error))]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The topology cannot be loaded.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The store cannot be followed any more.
    #[error("{0}")]
    Follow(String),
}

fn advice(error: &std::io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => {
            "another program listens there, perhaps another weft-api: stop it, or set another listen"
        }
        ErrorKind::PermissionDenied => {
            "ports below 1024 need root or CAP_NET_BIND_SERVICE: set another listen"
        }
        _ => "set listen to an address of this machine",
    }
}

impl Server {
    /// Opens the store and listens. A process that was killed a moment ago may still have both: it is
    /// waited for.
    pub async fn start(config: &Config) -> Result<Self, ServerError> {
        let until = Instant::now() + PREDECESSOR;
        let store = loop {
            match Embedded::open(&config.store.path, &Options::default()) {
                Err(OpenError::Locked { .. }) if Instant::now() < until => sleep(PAUSE).await,
                opened => break opened?,
            }
        };
        let server = Self::with_store(config.listen, Arc::new(store)).await?;
        server
            .service
            .set_established(config.policy.established.into());
        Ok(server)
    }

    /// Serves a store that is open.
    pub async fn with_store(addr: SocketAddr, store: Arc<dyn Store>) -> Result<Self, ServerError> {
        let service = Service::load(store).await?;
        let until = Instant::now() + PREDECESSOR;
        loop {
            match TcpListener::bind(addr).await {
                Ok(listener) => return Ok(Self { listener, service }),
                Err(error) if error.kind() == ErrorKind::AddrInUse && Instant::now() < until => {
                    sleep(PAUSE).await;
                }
                Err(error) => return Err(ServerError::Listen { addr, error }),
            }
        }
    }

    /// Lets its log be shown and changed by clients.
    pub fn with_logs(self, logs: Arc<Logs>) -> Self {
        self.service.set_logs(logs);
        self
    }

    /// Where it listens.
    pub fn addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The store that it serves.
    pub fn store(&self) -> Arc<dyn Store> {
        self.service.store.clone()
    }

    /// Serves until `stop` is ready, or the store fails for good.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), ServerError> {
        let router = router(&self.service);
        let mut connections = JoinSet::new();
        let outcome = {
            let mut stop = std::pin::pin!(stop);
            let mut follow = std::pin::pin!(self.service.follow());
            loop {
                tokio::select! {
                    () = &mut stop => break Ok(()),
                    error = &mut follow => break Err(ServerError::Follow(error.to_string())),
                    Some(ended) = connections.join_next() => {
                        if let Err(error) = ended {
                            tracing::error!(%error, "a connection's task failed");
                        }
                    }
                    accepted = self.listener.accept() => match accepted {
                        Ok((stream, _)) => {
                            connections.spawn(connection(stream, router.clone(), self.service.clone()));
                        }
                        Err(error) => {
                            // Out of descriptors, as a rule: others may be given back.
                            tracing::warn!(%error, "a connection could not be accepted");
                            tokio::time::sleep(Duration::from_millis(100)).await;
                        }
                    }
                }
            }
        };
        drop(self.listener);
        self.service.stop();
        let finish = async {
            // Requests that wait for their transaction need the follow task until the end.
            let mut follow = std::pin::pin!(self.service.follow());
            loop {
                tokio::select! {
                    ended = connections.join_next() => if ended.is_none() { break },
                    _ = &mut follow => break,
                }
            }
        };
        if tokio::time::timeout(LAST_REQUESTS, finish).await.is_err() {
            tracing::warn!(left = connections.len(), "requests did not finish in time");
        }
        connections.shutdown().await;
        outcome
    }
}

async fn connection(stream: TcpStream, router: Router, service: Arc<Service>) {
    // Answers are small and awaited: do not wait for more to send.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    // A client that stops reading, or whose machine is gone, would keep its answer in memory for ever.
    if let Err(error) = setsockopt(&stream, TcpUserTimeout, &UNREAD_TIME) {
        tracing::debug!(%error, "TCP_USER_TIMEOUT");
    }
    let mut stopping = service.stopping();
    drop(service);
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
    );
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            // A second wait would be ready at once.
            _ = stopping.wait_for(|stopping| *stopping), if !*stopping.borrow() => {
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

pub(crate) fn router(service: &Arc<Service>) -> Router {
    let limits = Arc::new(Limits::new());
    let gate = Arc::new(Gate::new(service));
    let limited = Router::new()
        .nest(BASE_PATH, resources::routes())
        .nest(weft::PATH, weft::routes())
        .nest(&format!("{BASE_PATH}{}", weft::PATH), weft::routes())
        .layer(middleware::from_fn_with_state(limits, limits::apply));
    let unlimited = Router::new()
        .nest(weft::PATH, weft::watch_routes())
        .nest(&format!("{BASE_PATH}{}", weft::PATH), weft::watch_routes());
    let bulk = Router::new()
        .nest(weft::PATH, weft::bulk_routes())
        .nest(&format!("{BASE_PATH}{}", weft::PATH), weft::bulk_routes())
        .layer(middleware::from_fn_with_state(
            Arc::new(Bulk::new(service)),
            bulk::receive,
        ));
    let routes = limited
        .merge(unlimited)
        .layer(middleware::from_fn_with_state(gate, arrival::receive))
        .merge(bulk)
        .route(metrics::PATH, get(metrics::serve))
        .fallback(async |uri: Uri| ApiError::NotFound(format!("there is no {}", uri.path())))
        .method_not_allowed_fallback(async |request: Request| {
            let (method, path) = (request.method(), request.uri().path());
            ApiError::MethodNotAllowed(format!("{path} does not do {method}"))
        })
        .layer(middleware::from_fn_with_state(
            service.clone(),
            metrics::observe,
        ))
        .with_state(service.clone());
    // A layer of a router runs after the path was matched; this one has to run before.
    Router::new()
        .fallback_service(routes)
        .layer(middleware::map_request(normalise))
}

/// Clients put paths together by hand: `//` stands for `/`, and a `/` at the end for nothing. They do
/// not follow redirections.
async fn normalise(mut request: Request) -> Request {
    let uri = request.uri();
    let path = uri.path();
    let slash_at_end = path.len() > 1 && path.ends_with('/');
    if !slash_at_end && !path.contains("//") {
        return request;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let query = uri
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let text = format!("/{}{query}", parts.join("/"));
    if let Ok(path_and_query) = PathAndQuery::try_from(text) {
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(path_and_query);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}
