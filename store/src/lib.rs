//! The topology store: documents under keys, changed by transactions, followed by a watch.
//!
//! Purpose: one trait, [`Store`], that the service needs to keep a topology: transactions that are
//! durable once acknowledged, a watch that continues from a revision, and leases of those that must
//! say again and again that they live.
//!
//! Place in the flow: `api` commits and follows; nothing else imports it.
//!
//! ```text
//!  api: commit(Txn) ─▶ writer ─▶ durable ─▶ Revision
//!  api: watch(after R) ◀─ Batch(revision, changes) ◀─ log
//! ```
//!
//! Backends: [`Embedded`], a file owned by this process. [`conformance`] says what every backend must
//! do, as code.
//!
//! What it does not do: it knows nothing of the topology; documents are JSON text that it never
//! reads.

pub mod conformance;
pub mod embedded;
pub mod error;
pub mod lease;
pub mod txn;

use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;

pub use embedded::{Embedded, Options};
pub use error::{CommitError, Conflict, Fault, OpenError, StoreError, WatchError};
pub use lease::LeaseState;
pub use txn::{Batch, Change, Entry, Expect, Listing, Op, Revision, Txn};

/// A store of documents.
pub trait Store: Send + Sync + 'static {
    /// Names this store and no other: a revision means something only together with it. A file that
    /// was deleted and made anew has another.
    fn id(&self) -> &str;

    /// The newest revision that is durable.
    fn newest(&self) -> Revision;

    /// A document.
    fn get(&self, key: &str) -> BoxFuture<'_, Result<Option<Entry>, StoreError>>;

    /// All documents whose key begins with `prefix`, in the order of keys, as of one revision.
    fn list(&self, prefix: &str) -> BoxFuture<'_, Result<Listing, StoreError>>;

    /// Applies all of a transaction or nothing. The transaction is queued by the call itself, and
    /// those of one caller take effect in the order of the calls; the future answers when it is
    /// durable. Dropping the future does not take the transaction back.
    fn commit(&self, txn: Txn) -> BoxFuture<'static, Result<Revision, CommitError>>;

    /// What changed after a revision, and from then on for ever: batches of ascending revision.
    /// Several transactions may be merged into one batch, never a part of one. A slow reader gets
    /// larger batches and holds up nobody. After an error the stream ends.
    fn watch(&self, after: Revision) -> BoxStream<'static, Result<Batch, WatchError>>;

    /// Says that the owner of a lease lives, for `ttl` from now on. `value` is kept as long.
    fn renew(
        &self,
        name: &str,
        value: String,
        ttl: Duration,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Ends a lease before its time.
    fn revoke(&self, name: &str) -> BoxFuture<'_, Result<(), StoreError>>;

    /// What is known of a lease.
    fn lease(&self, name: &str) -> LeaseState;
}
