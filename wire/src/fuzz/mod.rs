//! What a fuzzer feeds: any bytes, as a message of each kind.

mod objects;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::apply::ApplyRequest;
use crate::control::{Reply, Request};
use crate::host::{Registration, StateReport};
use crate::plug_file::PlugFile;
use crate::topology_file::TopologyFile;
use crate::watch::{InterestRequest, WatchLine};

pub use objects::{objects, value};

/// Takes the bytes for a line of each stream and for each message of one piece.
///
/// # Panics
///
/// If something that was read is written and read again as something else: that is the bug to find.
pub fn message(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    again::<Request>(text);
    again::<Reply>(text);
    again::<PlugFile>(text);
    again::<Registration>(text);
    again::<StateReport>(text);
    again::<InterestRequest>(text);
    again::<ApplyRequest>(text);
    again::<TopologyFile>(text);
    if let Ok(Some(line)) = WatchLine::read(text) {
        let written = serde_json::json!(line).to_string();
        assert!(
            WatchLine::read(&written).is_ok_and(|read| read.as_ref() == Some(&line)),
            "{written}"
        );
    }
}

fn again<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(text: &str) {
    let Ok(read) = serde_json::from_str::<T>(text) else {
        return;
    };
    let written = serde_json::json!(read).to_string();
    let again = serde_json::from_str::<T>(&written);
    assert!(
        again.as_ref().is_ok_and(|again| *again == read),
        "{written}\n{read:?}\n{again:?}"
    );
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_message_kept_does_no_harm() {
        weft_replay::replay("message", super::message);
    }
}
