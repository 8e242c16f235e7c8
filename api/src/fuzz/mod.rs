//! What a fuzzer feeds: any bytes, as requests, as a topology file, as a configuration, as a backup.
//!
//! ```text
//!  text ─▶ requests ─▶ the service's own router ─▶ store in memory ─▶ follow task ─▶ answers
//! ```

mod requests;
mod store;

use std::sync::LazyLock;

use weft_topology::id::HostId;
use weft_topology::{Object, Topology};
use weft_wire::topology_file::TopologyFile;

use crate::backup;
use crate::config::Config;
use crate::file::{export, plan};
use crate::model::Model;
use crate::service::transaction;

pub use requests::requests;

/// Takes the bytes for a configuration.
///
/// # Panics
///
/// If one that is good is written and read as another.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(config) = Config::parse(text) else {
        return;
    };
    let written = toml::Table::try_from(&config).map(|table| table.to_string());
    let written = written.unwrap_or_else(|error| panic!("{error}: {config:?}"));
    let again = Config::parse(&written);
    assert!(
        again.as_ref().is_ok_and(|again| *again == config),
        "{written}\n{again:?}"
    );
}

/// Takes the bytes for a backup. The sum over its lines is put right, so that what comes after it is reached.
///
/// # Panics
///
/// If a defect is met.
pub fn backup(bytes: &[u8]) {
    let _ = backup::read(bytes);
    let whole = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let _ = backup::read(&backup::with_sum(whole));
}

/// Takes the bytes for a topology file, and applies it to what a first one made.
///
/// # Panics
///
/// If a file, applied again, has something left to do, or if what is exported is not what there is.
pub fn apply(bytes: &[u8]) {
    static FIRST: LazyLock<Model> = LazyLock::new(|| {
        let text = include_str!("../../../fuzz/first.toml");
        match toml::from_str(text) {
            Ok(file) => applied(&Model::default(), &file).unwrap_or_default(),
            Err(_) => Model::default(),
        }
    });
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(file) = toml::from_str::<TopologyFile>(text) else {
        return;
    };
    for model in [&Model::default(), &*FIRST] {
        let Some(model) = applied(model, &file) else {
            continue;
        };
        assert_eq!(left_to_do(&model, &file), None, "{text}");
        is_exported(&model);
    }
}

fn absent(_: HostId, _: &str) -> bool {
    false
}

/// The model after a file, if that can be applied.
fn applied(model: &Model, file: &TopologyFile) -> Option<Model> {
    let planned = plan(model, file, &absent).ok()?.planned;
    let made = transaction(model, planned);
    let made = made.unwrap_or_else(|error| panic!("what was planned is refused: {error}"));
    Some(made.map_or_else(|| model.clone(), |(_, next)| next))
}

/// What a file that was applied would still change.
fn left_to_do(model: &Model, file: &TopologyFile) -> Option<String> {
    match plan(model, file, &absent) {
        Ok(plan) if plan.answer.differences.is_empty() => None,
        Ok(plan) => Some(format!("{:#?}", plan.answer.differences)),
        Err(error) => Some(error.to_string()),
    }
}

/// What there is, as a file, is what there is.
fn is_exported(model: &Model) {
    let shown = match export(model, None, false) {
        Ok(shown) => shown,
        Err(error) => panic!("{error}"),
    };
    let text = toml::to_string_pretty(&shown.file);
    let text = text.unwrap_or_else(|error| panic!("{error}: {:?}", shown.file));
    let read: TopologyFile =
        toml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(left_to_do(model, &read), None, "{text}");
    if shown.left_out.is_empty() {
        let elsewhere = applied(&Model::default(), &read);
        let elsewhere = elsewhere.unwrap_or_else(|| panic!("refused elsewhere:\n{text}"));
        assert_eq!(bare(&model.topology), bare(&elsewhere.topology), "{text}");
    }
}

/// The objects, without the numbers that the service gives to ports.
fn bare(topology: &Topology) -> Vec<Object> {
    let bare = |object: &Object| match object {
        Object::Port(port) => weft_topology::port::Port {
            tunnel_key: 1,
            ..weft_topology::port::Port::clone(port)
        }
        .into(),
        other => other.clone(),
    };
    topology.objects().map(bare).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_series_of_requests_kept_does_no_harm() {
        weft_replay::replay("requests", super::requests);
    }

    #[test]
    fn every_topology_file_kept_does_no_harm() {
        weft_replay::replay("apply", super::apply);
    }

    #[test]
    fn every_configuration_kept_does_no_harm() {
        weft_replay::replay("api-config", super::config);
    }

    #[test]
    fn every_backup_kept_does_no_harm() {
        weft_replay::replay("backup", super::backup);
    }
}
