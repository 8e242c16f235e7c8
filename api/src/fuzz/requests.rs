//! A series of requests to a service that begins empty.
//!
//! ```text
//!  POST /midonet-api/bridges
//!  {"id":"…","name":"blue"}
//!                                   an empty line ends a request
//!  GET /midonet-api/bridges?tenant_id=a
//! ```

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, Uri, header};
use axum::response::Response;
use futures::FutureExt;
use http_body_util::BodyExt;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tokio::runtime::{Builder, Runtime};
use weft_store::Store;

use super::store::Memory;
use crate::model::Model;
use crate::service::Service;

/// Requests of one series; more are not sent.
const MOST: usize = 12;
/// A request that is not answered after so many turns waits for something that does not come.
const TURNS: usize = 64;

/// Takes the bytes for a series of requests, and sends them one after the other.
///
/// # Panics
///
/// If a request breaks the service, is answered by what cannot be read, or leaves the store with something else than
/// what the service shows.
pub fn requests(bytes: &[u8]) {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let runtime = Builder::new_current_thread().enable_time().build();
        runtime.unwrap_or_else(|error| panic!("{error}"))
    });
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let series: Vec<Request<Body>> = text.split("\n\n").filter_map(request).take(MOST).collect();
    if !series.is_empty() {
        RUNTIME.block_on(send(series));
    }
}

fn request(text: &str) -> Option<Request<Body>> {
    let (head, body) = text.split_once('\n').unwrap_or((text, ""));
    let (method, rest) = head.split_once(' ')?;
    let (uri, media) = rest.split_once(' ').unwrap_or((rest, ""));
    let mut request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).ok()?)
        .uri(uri.parse::<Uri>().ok()?);
    if !media.is_empty() {
        request = request
            .header(header::CONTENT_TYPE, media)
            .header(header::ACCEPT, media);
    }
    request.body(Body::from(body.to_owned())).ok()
}

async fn send(series: Vec<Request<Body>>) {
    let store = Arc::new(Memory::default());
    let service = Service::load(store.clone()).await;
    let service = service.unwrap_or_else(|error| panic!("{error}"));
    let router = TowerToHyperService::new(crate::server::router(&service));
    let mut follow = pin!(service.follow());
    for request in series {
        let what = format!("{} {}", request.method(), request.uri());
        let mut answer = pin!(answer(&router, request));
        let mut turn = 0;
        // Whoever is not answered hangs up.
        poll_fn(|context| {
            if let Poll::Ready(error) = follow.as_mut().poll(context) {
                panic!("after {what}: {error}");
            }
            turn += 1;
            match answer.as_mut().poll(context) {
                Poll::Pending if turn < TURNS => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                _ => Poll::Ready(()),
            }
        })
        .await;
    }
    // What was hung up on may have been committed.
    let _ = follow.now_or_never();
    let listing = store.list("").now_or_never();
    let stored = listing
        .and_then(Result::ok)
        .map(|listing| Model::load(&listing));
    let Some(Ok(stored)) = stored else {
        panic!("the store has what the service cannot read: {stored:?}");
    };
    assert_eq!(stored.topology, service.current().topology);
}

async fn answer(router: &TowerToHyperService<Router>, request: Request<Body>) {
    let what = format!("{} {}", request.method(), request.uri());
    let answer: Response = match router.call(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    };
    assert_ne!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR, "{what}");
    let media = answer.headers().get(header::CONTENT_TYPE);
    let is_json = media.is_some_and(|media| {
        let media = String::from_utf8_lossy(media.as_bytes());
        media.ends_with("json") && !media.ends_with("x-ndjson")
    });
    let (mut body, mut whole, mut bytes) = (answer.into_body(), false, Vec::new());
    // A watch has no end: what is there by now is enough.
    while let Some(frame) = body.frame().now_or_never() {
        match frame {
            Some(Ok(frame)) => bytes.extend(frame.into_data().unwrap_or_default()),
            Some(Err(error)) => panic!("{what}: {error}"),
            None => {
                whole = true;
                break;
            }
        }
    }
    if is_json && whole {
        let read = serde_json::from_slice::<serde_json::Value>(&bytes);
        assert!(read.is_ok(), "{what}: {}", String::from_utf8_lossy(&bytes));
    }
}
