//! A service that says what a test wants it to say.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures::StreamExt;
use tokio::runtime::Runtime;

/// An answer.
pub(crate) struct Say {
    pub(crate) status: u16,
    pub(crate) body: Said,
}

/// A body.
pub(crate) enum Said {
    Whole(String),
    /// These pieces, and then nothing more, without an end.
    Open(Vec<String>),
    /// This piece again and again.
    Endless(String),
}

impl Say {
    pub(crate) fn whole(status: u16, body: &str) -> Self {
        let body = Said::Whole(body.to_owned());
        Self { status, body }
    }

    /// A watch that stays open after these lines.
    pub(crate) fn lines(lines: &[&str]) -> Self {
        let lines = lines.iter().map(|line| format!("{line}\n")).collect();
        let body = Said::Open(lines);
        Self { status: 200, body }
    }
}

type Script = Box<dyn FnMut(&str) -> Say + Send>;

#[derive(Clone)]
struct Shared {
    script: Arc<Mutex<Script>>,
    heard: Arc<Mutex<VecDeque<String>>>,
}

pub(crate) struct Scripted {
    addr: SocketAddr,
    heard: Arc<Mutex<VecDeque<String>>>,
    _runtime: Runtime,
}

impl Scripted {
    /// `script` gets `METHOD what` (the path below the host's, with its query) and says the answer.
    pub(crate) fn start(script: impl FnMut(&str) -> Say + Send + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let shared = Shared {
            script: Arc::new(Mutex::new(Box::new(script))),
            heard: Arc::default(),
        };
        let heard = shared.heard.clone();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let addr = listener.local_addr().unwrap();
        let router = Router::new().fallback(serve).with_state(shared);
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            addr,
            heard,
            _runtime: runtime,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What was asked so far, in order.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().iter().cloned().collect()
    }

    /// How often something was asked.
    pub(crate) fn count(&self, what: &str) -> usize {
        self.heard()
            .iter()
            .filter(|heard| heard.starts_with(what))
            .count()
    }
}

async fn serve(State(shared): State<Shared>, request: Request) -> Response {
    let uri = request.uri();
    let below = uri.path().splitn(6, '/').nth(5).unwrap_or_default();
    let query = uri
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let what = format!("{} {below}{query}", request.method());
    let body = axum::body::to_bytes(request.into_body(), 1 << 20)
        .await
        .unwrap();
    shared
        .heard
        .lock()
        .unwrap()
        .push_back(format!("{what} {}", String::from_utf8_lossy(&body)));
    let say = shared.script.lock().unwrap()(what.trim_end());
    let piece = |text: String| Ok::<Bytes, std::convert::Infallible>(text.into());
    let body = match say.body {
        Said::Whole(text) => Body::from(text),
        Said::Open(pieces) => {
            let pieces = futures::stream::iter(pieces.into_iter().map(piece));
            Body::from_stream(pieces.chain(futures::stream::pending()))
        }
        Said::Endless(text) => Body::from_stream(futures::stream::repeat(text).map(piece)),
    };
    Response::builder().status(say.status).body(body).unwrap()
}
