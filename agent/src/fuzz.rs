//! What a fuzzer feeds: any bytes, as what the agent reads from its disk, its operator, its service and its control
//! socket.

use std::collections::BTreeSet;
use std::path::Path;

use weft_topology::ObjectId;
use weft_topology::id::HostId;
use weft_wire::watch::WatchLine;

use crate::accounts::Accounts;
use crate::config::Config;
use crate::control::{socket, verbs};
use crate::snapshot::{Builder, disk};
use crate::worker::connections::conversations;

const HOST: HostId = HostId(uuid::Uuid::from_u128(1));

/// Takes the bytes for a configuration.
///
/// # Panics
///
/// If one that is good is written and read as another.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(config) = Config::parse(text, Path::new("agent.toml")) else {
        return;
    };
    let written = toml::to_string(&config);
    let written = written.unwrap_or_else(|error| panic!("{error}: {config:?}"));
    let again = Config::parse(&written, Path::new("agent.toml"));
    assert!(
        again.as_ref().is_ok_and(|again| *again == config),
        "{written}\n{again:?}"
    );
}

/// Takes the bytes for a line of the control socket, and for the frame of a trace.
///
/// # Panics
///
/// If a defect is met.
pub fn control(bytes: &[u8]) {
    let _ = socket::understand(bytes);
    let text = String::from_utf8_lossy(bytes);
    if let Ok(frame) = verbs::bytes_of(&text) {
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(hex.eq_ignore_ascii_case(&text), "{text}");
    }
}

/// Takes the bytes for each of the files of an earlier run. The snapshot's sum is put right, so that what comes after
/// it is reached.
///
/// # Panics
///
/// If something that was read is written and read again as something else.
pub fn state(bytes: &[u8]) {
    let _ = disk::parse(bytes);
    let summed = disk::with_sum(bytes).unwrap_or_default();
    if let Ok(stored) = disk::parse(&summed) {
        is_kept(&Builder::from_stored(HOST, stored));
    }
    if let Ok(accounts) = Accounts::parse(bytes) {
        let again = Accounts::parse(&accounts.text());
        assert_eq!(again, Ok(accounts));
    }
    let text = String::from_utf8_lossy(bytes);
    for conversation in text.lines().filter_map(conversations::parse) {
        let line = conversations::line(&conversation);
        let again = conversations::parse(line.trim_end());
        assert_eq!(again, Some(conversation), "{line}");
    }
}

/// Takes the bytes for the lines of watches. A line that is none ends a watch, and another begins, of the store that it
/// names.
///
/// # Panics
///
/// If what a host knows is not what it would know after a restart.
pub fn watch(bytes: &[u8]) {
    let mut builder = Builder::new(HOST);
    let mut wanted: BTreeSet<ObjectId> = [HOST.into()].into();
    for line in String::from_utf8_lossy(bytes).lines() {
        match WatchLine::read(line) {
            Ok(Some(line)) => {
                let named = match &line {
                    WatchLine::Put { object, .. } => Some(object.id()),
                    WatchLine::Gone { id, .. } => Some(*id),
                    _ => None,
                };
                wanted.extend(named);
                builder.line(line);
            }
            Ok(None) => {
                wanted.pop_last();
            }
            Err(_) => {
                builder.close();
                let _ = builder.opened(line.get(..1).unwrap_or_default(), &wanted);
            }
        }
        let _ = builder.follow(&wanted);
        let _ = builder.publish();
    }
    is_kept(&builder);
}

/// What a builder knows is on the disk, and of it.
fn is_kept(builder: &Builder) {
    let stored = builder.stored();
    let again = Builder::from_stored(HOST, stored.clone()).stored();
    assert_eq!(again, stored);
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_configuration_kept_does_no_harm() {
        weft_replay::replay("agent-config", super::config);
    }

    #[test]
    fn every_line_of_the_control_socket_kept_does_no_harm() {
        weft_replay::replay("control", super::control);
    }

    #[test]
    fn every_file_kept_does_no_harm() {
        weft_replay::replay("state", super::state);
    }

    #[test]
    fn every_watch_kept_does_no_harm() {
        weft_replay::replay("watch", super::watch);
    }
}
