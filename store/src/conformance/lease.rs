//! Promises about leases.

use std::sync::Arc;
use std::time::Duration;

use crate::{LeaseState, Store};

pub(super) async fn a_lease_is_held_with_its_value_until_it_is_revoked(store: Arc<dyn Store>) {
    let held = |value: &str| LeaseState::Held {
        value: value.into(),
    };
    let hour = Duration::from_secs(3600);
    store
        .renew("host/1", "one".into(), hour)
        .await
        .expect("a lease");
    assert_eq!(store.lease("host/1"), held("one"));
    store
        .renew("host/1", "two".into(), hour)
        .await
        .expect("a lease");
    assert_eq!(store.lease("host/1"), held("two"));
    store.revoke("host/1").await.expect("its end");
    assert_eq!(store.lease("host/1"), LeaseState::Lapsed);

    store
        .renew("host/2", "short".into(), Duration::ZERO)
        .await
        .expect("a lease");
    assert_eq!(store.lease("host/2"), LeaseState::Lapsed);
    assert_eq!(store.newest(), 0, "a lease is no transaction");
}
