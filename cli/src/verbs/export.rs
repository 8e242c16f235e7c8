//! `weft export`: what there is, as a topology file. `weft forget`: a file's objects are nobody's.

use std::io::Write;
use std::path::Path;

use weft_wire::apply::Export;
use weft_wire::topology_file::TopologyFile;

use crate::api::Api;
use crate::error::Error;
use crate::files;
use crate::output::{Form, json, line};

/// Writes what there is, or what one file made, to a file or stdout.
pub fn export(
    path: Option<&Path>,
    name: Option<&str>,
    bindings: bool,
    api: &Api,
    form: Form,
) -> Result<(), Error> {
    let name = name.map(|name| format!("&name={}", encoded(name)));
    let query = format!("/export?bindings={bindings}{}", name.unwrap_or_default());
    let export: Export = api.read_weft(&query)?;
    for (kind, count) in &export.left_out {
        let _ = writeln!(
            std::io::stderr(),
            "weft: {count} of kind {kind} are left out: a topology file has no words for them"
        );
    }
    let text = match form {
        Form::Json => serde_json::to_string_pretty(&export.file).unwrap_or_default() + "\n",
        Form::People => toml::to_string_pretty(&export.file).map_err(|error| Error::ApiAnswer {
            url: query,
            problem: error.to_string(),
        })?,
    };
    match path {
        None => line(text.trim_end()),
        Some(path) => {
            files::write(path, &mut text.as_bytes())?;
            if form == Form::People {
                line(&format!("{} in {}", contents(&export.file), path.display()));
            }
        }
    }
    Ok(())
}

/// How much of what is in a file.
fn contents(file: &TopologyFile) -> String {
    let counts = [
        ("bridge", file.bridge.len()),
        ("chain", file.chain.len()),
        ("port group", file.port_group.len()),
        ("address group", file.address_group.len()),
    ];
    let there = counts.into_iter().filter(|(_, count)| *count > 0);
    let there: Vec<String> = there
        .map(|(what, count)| {
            let s = if count == 1 { "" } else { "s" };
            format!("{count} {what}{s}")
        })
        .collect();
    match there.is_empty() {
        true => "nothing".to_owned(),
        false => there.join(", "),
    }
}

/// The service no longer knows what a file made; that stays.
pub fn forget(name: &str, api: &Api, form: Form) -> Result<(), Error> {
    api.delete_weft(&format!("/files/{}", encoded(name)))?;
    match form {
        Form::Json => json(&serde_json::json!({ "forgotten": name })),
        Form::People => line(&format!("{name} is forgotten; its objects stay")),
    }
    Ok(())
}

/// A text as a part of an address.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
