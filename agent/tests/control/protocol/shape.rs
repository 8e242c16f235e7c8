//! What messages look like: which fields there are, and of which JSON type.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::event::Event;

/// By message: its fields by path, with the types that they had.
pub(super) type Shapes = BTreeMap<String, BTreeSet<String>>;

/// Fields whose keys are data, not names of fields.
const MAPS: [&str; 1] = [".counters"];

/// The shapes of all messages of a recording, one of a kind together.
pub(super) fn of(events: &[Event]) -> Shapes {
    let mut shapes = Shapes::new();
    let mut asked: BTreeMap<u64, String> = BTreeMap::new();
    for event in events {
        match event {
            Event::Operator { .. } => {}
            Event::Ask {
                number,
                method,
                path,
                body,
            } => {
                let name = format!("{method} {}", what(path));
                note(&mut shapes, &format!("ask {name}"), body);
                asked.insert(*number, name);
            }
            Event::Answer {
                number,
                status,
                body,
            } => {
                let name = &asked[number];
                note(&mut shapes, &format!("answer {name} {status}"), body);
            }
            Event::Line { body, .. } => note(&mut shapes, &line_name(body), body),
            Event::Control { request, replies } => {
                let verb = request["verb"].as_str().unwrap_or_default();
                note(&mut shapes, &format!("request {verb}"), request);
                for reply in replies {
                    note(&mut shapes, &format!("reply {verb}"), reply);
                }
            }
        }
    }
    shapes
}

/// The name of a watch's line, with the kind of its object.
pub(super) fn line_name(line: &Value) -> String {
    let name = line.as_object().and_then(|line| line.keys().next());
    let name = name.cloned().unwrap_or_default();
    let kind = line["put"]["object"]["kind"].as_str();
    match kind.or(line["gone"]["id"]["kind"].as_str()) {
        Some(kind) => format!("line {name} {kind}"),
        None => format!("line {name}"),
    }
}

/// A path with what is data in it left out.
fn what(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let parts = path
        .split('/')
        .map(|part| match uuid::Uuid::parse_str(part) {
            Ok(_) => "ID",
            Err(_) => part,
        });
    let keys = query.split('&').filter_map(|pair| pair.split('=').next());
    let keys: Vec<&str> = keys.filter(|key| !key.is_empty()).collect();
    let path = parts.collect::<Vec<&str>>().join("/");
    if keys.is_empty() {
        path
    } else {
        format!("{path}?{}", keys.join("&"))
    }
}

fn note(shapes: &mut Shapes, name: &str, message: &Value) {
    let fields = shapes.entry(name.to_owned()).or_default();
    walk(message, "", fields);
}

fn walk(value: &Value, path: &str, fields: &mut BTreeSet<String>) {
    match value {
        // Nothing, or no item, says nothing of the type.
        Value::Null => {}
        Value::Bool(_) => drop(fields.insert(format!("{path}: bool"))),
        Value::Number(_) => drop(fields.insert(format!("{path}: number"))),
        Value::String(_) => drop(fields.insert(format!("{path}: text"))),
        Value::Array(items) => {
            fields.insert(format!("{path}: list"));
            items
                .iter()
                .for_each(|item| walk(item, &format!("{path}[]"), fields));
        }
        Value::Object(object) => {
            fields.insert(format!("{path}: object"));
            if MAPS.iter().any(|map| path.ends_with(map)) {
                return;
            }
            for (name, value) in object {
                walk(value, &format!("{path}.{name}"), fields);
            }
        }
    }
}

/// In what two sets of shapes differ.
pub(super) fn differences(kept: &Shapes, today: &Shapes) -> Vec<String> {
    let none = BTreeSet::new();
    let names: BTreeSet<&String> = kept.keys().chain(today.keys()).collect();
    let mut differences = Vec::new();
    for name in names {
        let (kept, today) = (
            kept.get(name).unwrap_or(&none),
            today.get(name).unwrap_or(&none),
        );
        let gone = kept
            .difference(today)
            .map(|field| format!("- {name}: {field}"));
        let new = today
            .difference(kept)
            .map(|field| format!("+ {name}: {field}"));
        differences.extend(gone.chain(new));
    }
    differences
}

/// What a message of today lacks of one that was understood before: fields that are gone, or of another
/// type. Null and absence are the same to a reader.
pub(super) fn lacks(before: &Value, today: &Value) -> Vec<String> {
    let (mut old, mut new) = (BTreeSet::new(), BTreeSet::new());
    walk(before, "", &mut old);
    walk(today, "", &mut new);
    old.difference(&new).cloned().collect()
}

/// Adds a field to every object that is no map, as a newer neighbour may.
pub(super) fn add_field(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(add_field),
        Value::Object(object) => {
            let is_enum = object.len() == 1 && object.values().all(Value::is_object);
            for (name, value) in object.iter_mut() {
                if name != "counters" {
                    add_field(value);
                }
            }
            // `{"put": {…}}` is a choice and no set of fields.
            let is_reply = ["item", "done", "error"]
                .iter()
                .any(|name| object.contains_key(*name));
            if !is_enum && !is_reply {
                object.insert("_newer".to_owned(), serde_json::json!({"than": ["this"]}));
            }
        }
        _ => {}
    }
}
