//! Helper of the test `kill`: writes to the store given as its argument for ever, and prints each
//! transaction's number and revision once it is acknowledged. Each transaction writes its number to
//! three documents: one of its own, and two that all share.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use weft_store::{Embedded, Op, Options, Store, Txn};

/// Transactions that wait at a time.
const WRITERS: usize = 8;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let path = std::env::args_os()
        .nth(1)
        .context("wants the path of a store")?;
    let store = Arc::new(Embedded::open(&PathBuf::from(path), &Options::default())?);
    let written = store.list("own/").await?.entries.into_iter();
    let numbers = written.filter_map(|entry| entry.json.parse::<u64>().ok());
    let next = Arc::new(AtomicU64::new(numbers.max().unwrap_or(0) + 1));
    let writers = (0..WRITERS).map(|_| tokio::spawn(write(store.clone(), next.clone())));
    for writer in writers.collect::<Vec<_>>() {
        writer.await??;
    }
    Ok(())
}

async fn write(store: Arc<Embedded>, next: Arc<AtomicU64>) -> anyhow::Result<()> {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let put = |key: String| Op::Put {
            key,
            schema: 1,
            json: number.to_string(),
        };
        let txn = Txn {
            ops: vec![
                put(format!("own/{number}")),
                put("shared/one".into()),
                put("shared/other".into()),
            ],
            ..Txn::default()
        };
        let revision = store.commit(txn).await?;
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{number} {revision}")?;
        stdout.flush()?;
    }
}
