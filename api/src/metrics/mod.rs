//! `/metrics` in Prometheus' text format: what requests did, and what the store and the hosts are at.
//!
//! Series are bounded: routes are those of the program, never a client's words.

mod families;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use weft_observe::logs::Logs;
use weft_observe::metrics::{CONTENT_TYPE, Histogram, Page};
use weft_store::{CommitError, Revision};
use weft_topology::{Kind, Object};

use crate::service::Service;
use families as is;

/// Where they are served.
pub(crate) const PATH: &str = "/metrics";

/// Upper bounds of buckets, in microseconds.
static BOUNDS: &[u64] = &[
    1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000,
];
/// The route of what matched none.
const OTHER: &str = "other";

/// What the service counts.
pub(crate) struct Counts {
    began: Instant,
    requests: Mutex<BTreeMap<(String, &'static str, u16), u64>>,
    took: Mutex<HashMap<String, Histogram>>,
    in_progress: AtomicI64,
    committed: AtomicU64,
    conflicts: AtomicU64,
    failed: AtomicU64,
    commit: Histogram,
}

/// One request more, until it is dropped: its client may leave before the answer.
struct InProgress<'a>(&'a AtomicI64);

impl Counts {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            requests: Mutex::default(),
            took: Mutex::default(),
            in_progress: AtomicI64::new(0),
            committed: AtomicU64::new(0),
            conflicts: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            commit: Histogram::new(BOUNDS),
        }
    }

    /// Notes what became of a transaction that was given to the store at a time.
    pub(crate) fn commit(&self, begun: Instant, outcome: &Result<Revision, CommitError>) {
        self.commit.observe(begun.elapsed());
        let count = match outcome {
            Ok(_) => &self.committed,
            Err(CommitError::Conflict(_)) => &self.conflicts,
            Err(_) => &self.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn request(&self, route: &str, method: &'static str, status: u16, begun: Instant) {
        let key = (route.to_owned(), method, status);
        *lock(&self.requests).entry(key).or_default() += 1;
        let mut took = lock(&self.took);
        if !took.contains_key(route) {
            took.insert(route.to_owned(), Histogram::new(BOUNDS));
        }
        if let Some(histogram) = took.get(route) {
            histogram.observe(begun.elapsed());
        }
    }
}

/// Counts a request.
pub(crate) async fn observe(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = known(request.method().as_str());
    let counts = &service.counts;
    counts.in_progress.fetch_add(1, Ordering::Relaxed);
    let working = InProgress(&counts.in_progress);
    let response = next.run(request).await;
    drop(working);
    let route = route.as_ref().map_or(OTHER, MatchedPath::as_str);
    counts.request(route, method, response.status().as_u16(), begun);
    response
}

/// Clients may make up methods without end.
fn known(method: &str) -> &'static str {
    const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
    METHODS
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or(OTHER)
}

/// The page.
pub(crate) async fn serve(State(service): State<Arc<Service>>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], page(&service)).into_response()
}

fn page(service: &Service) -> String {
    let mut page = Page::default();
    let counts = &service.counts;
    page.of(&is::BUILD).add(&[env!("CARGO_PKG_VERSION")], 1);
    page.one(&is::UPTIME, counts.began.elapsed().as_secs());
    if let Some(logs) = service.logs() {
        log(&mut page, logs);
    }
    let mut requests = page.of(&is::REQUESTS);
    for ((route, method, status), count) in &*lock(&counts.requests) {
        requests.add(&[method, route, &status.to_string()], count);
    }
    let took = lock(&counts.took);
    let sorted: BTreeMap<&String, &Histogram> = took.iter().collect();
    let mut samples = page.of(&is::REQUEST);
    for (route, histogram) in sorted {
        samples.distribution(&[route], &histogram.read());
    }
    drop(took);
    let in_progress = counts.in_progress.load(Ordering::Relaxed);
    page.one(&is::IN_PROGRESS, in_progress);
    let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
    page.of(&is::COMMITS)
        .add(&["committed"], of(&counts.committed))
        .add(&["conflict"], of(&counts.conflicts))
        .add(&["failed"], of(&counts.failed));
    page.of(&is::COMMIT)
        .distribution(&[], &counts.commit.read());
    topology(&mut page, service);
    page.text()
}

fn log(page: &mut Page, logs: &Logs) {
    let lines = logs.lines();
    page.of(&is::LOG_LINES)
        .add(&["error"], lines.errors)
        .add(&["warn"], lines.warnings)
        .add(&["other"], lines.others);
    page.one(&is::LOG_LEFT_OUT, lines.left_out);
}

fn topology(page: &mut Page, service: &Service) {
    let model = service.current();
    page.one(&is::REVISION, model.revision);
    page.one(&is::HISTORY, service.streams.history_start());
    page.one(&is::WATCHES, service.streams.open_count());
    let (mut hosts, mut live, mut lagging) = (0_u64, 0_u64, 0_u64);
    for object in model.topology.of_kind(Kind::Host) {
        let Object::Host(host) = object else { continue };
        let state = service.host_state(host.id);
        let has = state.report.map(|report| report.revision);
        hosts += 1;
        live += u64::from(state.alive);
        lagging += u64::from(state.alive && has.is_none_or(|has| has < model.revision));
    }
    page.one(&is::HOSTS, hosts);
    page.one(&is::LIVE, live);
    page.one(&is::LAGGING, lagging);
}

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a panic left is whole: every change under these locks is one insert.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::families::ALL;

    #[test]
    fn docs_have_the_table_of_metrics() {
        let table = weft_docs::metrics(ALL.iter().copied());
        weft_docs::hold("docs/metrics.md", "weft-api", &table);
    }
}
