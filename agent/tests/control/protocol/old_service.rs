//! A recorded service answers today's agent.
//!
//! It goes through the recording: what stands there to be asked is waited for and answered as it was, and a
//! watch's lines come as soon as everything before them has been asked. Reports come as often as the agent
//! likes, and are all taken.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures::StreamExt;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use weft_topology::Object;

use super::event::{Event, Recording};
use super::script::PORT;
use crate::machine::{Host, port_of};
use crate::until;

/// How far the recorded service is.
struct Progress {
    left: VecDeque<Event>,
    events: Vec<Event>,
    watch: Option<UnboundedSender<String>>,
}

impl Progress {
    /// The recorded answer to what is asked, if it was asked then, too. Everything before it that the agent
    /// was told is told.
    fn answer(&mut self, method: &str, path: &str) -> Option<(u16, Value)> {
        let is_it = |event: &Event| matches!(event, Event::Ask { method: kept, path: at, .. } if kept == method && at == path);
        let place = self.left.iter().position(is_it)?;
        let Some(Event::Ask { number, .. }) = self.left.get(place).cloned() else {
            return None;
        };
        self.left.remove(place);
        self.events.iter().find_map(|event| match event {
            Event::Answer {
                number: of,
                status,
                body,
            } if *of == number => Some((*status, body.clone())),
            _ => None,
        })
    }

    /// Sends the lines that are due: up to the next thing that the agent has to ask first.
    fn tell(&mut self) {
        while let Some(event) = self.left.front() {
            match event {
                Event::Ask { path, .. } if !path.ends_with("/state") => return,
                Event::Line { body, .. } => {
                    let Some(watch) = &self.watch else { return };
                    // The agent may have ended the watch.
                    let _ = watch.send(format!("{body}\n"));
                }
                _ => {}
            }
            self.left.pop_front();
        }
    }
}

type Shared = Arc<Mutex<Progress>>;

/// Lets today's agent follow the recorded service through the recorded session.
pub(super) fn serve_todays_agent(recording: &Recording) {
    let progress = Arc::new(Mutex::new(Progress {
        left: up_to_the_new_store(recording),
        events: recording.events.clone(),
        watch: None,
    }));
    let (_runtime, url) = serve(&progress);
    let mut host = Host::without_agent(&url);
    std::fs::write(host.state_dir().join("host-id"), recording.host()).unwrap();
    for tap in ["tap1", "tap2"] {
        host.add_tap(tap);
    }
    host.start();
    host.follows(true);
    for (request, end) in asked_first(recording) {
        let (_, outcome) = host.ask(request.clone());
        assert_eq!(outcome.is_ok(), end, "{request}: {outcome:?}");
    }
    // The change after the plugs comes, and the port that was deleted goes.
    until("the bridge's new name", || {
        let snapshot = host.told.snapshot.lock().unwrap().clone();
        snapshot
            .objects()
            .any(|it| matches!(it, Object::Bridge(it) if it.name == "red"))
    });
    until("the deleted port to go", || host.vports() == ["tap1"]);
    let snapshot = host.told.snapshot.lock().unwrap().clone();
    assert!(snapshot.port(port_of(PORT)).here().is_some());
    let kinds: std::collections::BTreeSet<_> = snapshot.objects().map(Object::kind).collect();
    assert!(
        kinds.len() >= 5,
        "the network is there with all that belongs to it: {kinds:?}"
    );
    host.unplug("tap1");
    assert_eq!(host.vports(), Vec::<String>::new());
}

/// What is recorded of the first watch.
fn up_to_the_new_store(recording: &Recording) -> VecDeque<Event> {
    let mut watches = 0;
    let events = recording.events.iter().take_while(|event| {
        watches += usize::from(matches!(event, Event::Ask { path, .. } if path.contains("/watch")));
        watches < 2
    });
    events.cloned().collect()
}

/// What programs asked before the first unplug, as far as the agent asks the service for it, and whether it
/// was done.
fn asked_first(recording: &Recording) -> Vec<(Value, bool)> {
    let controls = recording.events.iter().filter_map(|event| match event {
        Event::Control { request, replies } => Some((request, replies)),
        _ => None,
    });
    let verb = |request: &Value| request["verb"].as_str().unwrap_or_default().to_owned();
    controls
        .take_while(|(request, _)| verb(request) != "unplug")
        .filter(|(request, _)| matches!(verb(request).as_str(), "plug" | "find_port"))
        .map(|(request, replies)| {
            (
                request.clone(),
                replies.last().unwrap().get("done").is_some(),
            )
        })
        .collect()
}

fn serve(progress: &Shared) -> (Runtime, String) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let listening = tokio::net::TcpListener::bind("127.0.0.1:0");
    let listener = runtime.block_on(listening).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(respond).with_state(progress.clone());
    runtime.spawn(async move { axum::serve(listener, router).await });
    (runtime, url)
}

async fn respond(State(progress): State<Shared>, request: Request) -> Response {
    let method = request.method().to_string();
    let path = request.uri().path_and_query().unwrap().to_string();
    let is_watch = path.contains("/watch");
    drop(axum::body::to_bytes(request.into_body(), 1 << 20).await);
    let whole = |status: u16, body: Value| {
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let response = Response::builder().status(status);
        response.body(Body::from(text)).unwrap()
    };
    if path.ends_with("/state") {
        progress.lock().unwrap().tell();
        return whole(204, Value::Null);
    }
    let mut progress = progress.lock().unwrap();
    let answer = progress.answer(&method, &path);
    if is_watch {
        let (sender, lines) = unbounded_channel();
        progress.watch = Some(sender);
        progress.tell();
        return Response::new(Body::from_stream(stream(lines)));
    }
    progress.tell();
    match answer {
        Some((status, body)) => whole(status, body),
        // What an older service does not know.
        None => whole(
            404,
            serde_json::json!({"message": "there is no such thing", "code": 404}),
        ),
    }
}

fn stream(
    lines: UnboundedReceiver<String>,
) -> impl futures::Stream<Item = Result<Bytes, std::convert::Infallible>> {
    let lines = futures::stream::unfold(lines, |mut lines| async {
        let line = lines.recv().await?;
        Some((Ok(Bytes::from(line)), lines))
    });
    lines.chain(futures::stream::pending())
}
