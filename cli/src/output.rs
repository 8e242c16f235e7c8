//! Output: a table for people, JSON for programs. A reader who closed the pipe has seen enough.

use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::Value;

/// How a verb shows its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Tables and sentences.
    People,
    /// One JSON document.
    Json,
}

/// Prints a line.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints a JSON document.
pub fn json(value: &impl Serialize) {
    line(&serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Prints a table; an empty one says what there is none of.
pub fn table(what: &str, header: &[&str], rows: Vec<Vec<String>>) {
    if rows.is_empty() {
        return line(&format!("no {what}"));
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table.add_rows(rows);
    line(&table.to_string());
}

/// A field of a JSON object, for a table's cell.
pub fn cell(object: &Value, field: &str) -> String {
    object.get(field).map_or_else(String::new, in_words)
}

fn in_words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(items) => items.iter().map(in_words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
