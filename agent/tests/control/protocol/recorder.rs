//! Stands between two programs, hands on what they say, and notes it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures::StreamExt;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::event::{Event, Recording};

/// Notes what is said.
#[derive(Clone, Default)]
pub(super) struct Notes(Arc<Mutex<Vec<Event>>>);

impl Notes {
    pub(super) fn add(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }

    pub(super) fn recording(&self) -> Recording {
        let events = self.0.lock().unwrap().clone();
        Recording { events }
    }

    /// Whether something was said already.
    pub(super) fn has(&self, said: impl Fn(&Event) -> bool) -> bool {
        self.0.lock().unwrap().iter().any(said)
    }
}

// === between agent and service ===

#[derive(Clone)]
struct Between {
    upstream: String,
    http: reqwest::Client,
    count: Arc<AtomicU64>,
    notes: Notes,
}

/// Stands before a service; the address to ask in its place.
pub(super) fn before_service(upstream: &str, notes: &Notes) -> (Runtime, String) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let between = Between {
        upstream: upstream.to_owned(),
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        count: Arc::default(),
        notes: notes.clone(),
    };
    let listening = tokio::net::TcpListener::bind("127.0.0.1:0");
    let listener = runtime.block_on(listening).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(hand_on).with_state(between);
    runtime.spawn(async move { axum::serve(listener, router).await });
    (runtime, url)
}

async fn hand_on(State(between): State<Between>, request: Request) -> Response {
    let number = between.count.fetch_add(1, Ordering::Relaxed);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let path = uri.path_and_query().unwrap().to_string();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await;
    let body = body.unwrap();
    between.notes.add(Event::Ask {
        number,
        method: method.to_string(),
        path: path.clone(),
        body: value(&body),
    });
    let asked = between
        .http
        .request(method, format!("{}{path}", between.upstream))
        .body(body);
    let answer = match asked.send().await {
        Ok(answer) => answer,
        Err(_) => return Response::builder().status(503).body(Body::empty()).unwrap(),
    };
    let status = answer.status().as_u16();
    let note = |body| {
        between.notes.add(Event::Answer {
            number,
            status,
            body,
        });
    };
    let body = if uri.path().ends_with("/watch") && status == 200 {
        note(Value::Null);
        let notes = between.notes.clone();
        let mut rest = Vec::new();
        let lines = answer.bytes_stream().map(move |chunk| {
            let chunk: Bytes = chunk.map_err(std::io::Error::other)?;
            rest.extend_from_slice(&chunk);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                let body = value(&line);
                notes.add(Event::Line { number, body });
            }
            Ok::<Bytes, std::io::Error>(chunk)
        });
        Body::from_stream(lines)
    } else {
        let body = answer.bytes().await.unwrap();
        note(value(&body));
        Body::from(body)
    };
    Response::builder().status(status).body(body).unwrap()
}

/// A body as JSON; none is null.
fn value(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap()
}

// === between programs and agent ===

/// Stands before an agent's control socket; the socket to ask in its place.
pub(super) fn before_agent(socket: &Path, notes: &Notes) -> PathBuf {
    let own = socket.with_file_name("recorded.sock");
    let listener = UnixListener::bind(&own).unwrap();
    let (socket, notes) = (socket.to_owned(), notes.clone());
    std::thread::spawn(move || {
        // The agent may be gone by then; so is this thread's end of the connection.
        for stream in listener.incoming() {
            converse(stream.unwrap(), &socket, &notes);
        }
    });
    own
}

fn converse(mut program: UnixStream, socket: &Path, notes: &Notes) {
    let mut request = String::new();
    BufReader::new(&program).read_line(&mut request).unwrap();
    let mut agent = UnixStream::connect(socket).unwrap();
    agent.write_all(request.as_bytes()).unwrap();
    let mut replies = Vec::new();
    for line in BufReader::new(agent).lines() {
        let line = line.unwrap();
        replies.push(serde_json::from_str(&line).unwrap());
        writeln!(program, "{line}").unwrap();
    }
    let request = serde_json::from_str(&request).unwrap();
    notes.add(Event::Control { request, replies });
}
