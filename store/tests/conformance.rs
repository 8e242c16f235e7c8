//! The embedded store keeps the promises of a store.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use weft_store::{Embedded, Options, Store, conformance};

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_store_keeps_every_promise() {
    let folder = tempfile::tempdir().unwrap();
    let count = std::sync::atomic::AtomicU32::new(0);
    conformance::run(async || {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = folder.path().join(format!("{number}/topology.redb"));
        let store = Embedded::open(&path, &Options::default()).unwrap();
        Arc::new(store) as Arc<dyn Store>
    })
    .await;
    assert_eq!(count.into_inner() as usize, conformance::CASES.len());
}
