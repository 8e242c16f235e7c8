//! `weft apply` and `weft diff`: a topology file against what there is.
//!
//! ```text
//!  file ─▶ service: what differs? ─▶ shown ─▶ asked ─▶ service: make exactly that, in one transaction
//! ```

use std::path::Path;

use serde_json::Value;
use weft_wire::apply::{Action, Applied, ApplyRequest, Difference};
use weft_wire::topology_file::TopologyFile;

use crate::api::Api;
use crate::confirm::Consent;
use crate::error::Error;
use crate::output::{Form, json, line};
use crate::progress;

/// Tables that later versions' files have.
const LATER: [&str; 3] = ["router", "route", "tunnel_zone"];

/// Shows what differs; whether anything does.
pub fn diff(path: &Path, api: &Api, form: Form) -> Result<(), Error> {
    let (_, found) = look(path, api)?;
    show(&found, form);
    if found.differences.is_empty() {
        Ok(())
    } else {
        Err(Error::Differs)
    }
}

/// Makes the topology what the file says.
pub fn apply(path: &Path, yes: bool, dry_run: bool, api: &Api, form: Form) -> Result<(), Error> {
    // A file that is wrong is told before anything else.
    let read = read(path)?;
    if dry_run {
        let found = ask(api, read, None)?;
        show(&found, form);
        return Ok(());
    }
    let consent = Consent::of(yes, form, "apply")?;
    let found = ask(api, read.clone(), None)?;
    if found.differences.is_empty() {
        show(&found, form);
        return Ok(());
    }
    if form == Form::People {
        show(&found, form);
    }
    consent.ask("apply this?")?;
    progress::say(&format!("applying {} changes", found.differences.len()));
    let done = ask(api, read, Some(found.plan))?;
    match form {
        Form::Json => json(&done),
        Form::People => line(&format!("done, as revision {}", done.revision)),
    }
    Ok(())
}

fn look(path: &Path, api: &Api) -> Result<(TopologyFile, Applied), Error> {
    let file = read(path)?;
    let found = ask(api, file.clone(), None)?;
    Ok((file, found))
}

fn ask(api: &Api, file: TopologyFile, plan: Option<String>) -> Result<Applied, Error> {
    post(
        api,
        &ApplyRequest {
            file,
            plan,
            whole: false,
        },
    )
}

fn post(api: &Api, request: &ApplyRequest) -> Result<Applied, Error> {
    let request = serde_json::json!(request);
    api.post_weft("/apply", request.to_string().as_bytes())
}

/// What a file would change, with the changed objects themselves; nothing is changed.
pub(super) fn supposed(path: &Path, api: &Api) -> Result<Applied, Error> {
    let request = ApplyRequest {
        file: read(path)?,
        plan: None,
        whole: true,
    };
    post(api, &request)
}

fn read(path: &Path) -> Result<TopologyFile, Error> {
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(|source| Error::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    toml::from_str(&text).map_err(|error| {
        let mut problem = error.to_string();
        let is_named = |table: &str| problem.contains(&format!("unknown field `{table}`"));
        if let Some(table) = LATER.into_iter().find(|table| is_named(table)) {
            problem.push_str(&format!(
                "this version of weft has no {table} in its files\n"
            ));
        }
        Error::TopologyFile {
            path: path.to_owned(),
            problem,
        }
    })
}

fn show(found: &Applied, form: Form) {
    if form == Form::Json {
        return json(found);
    }
    for warning in &found.warnings {
        line(&format!("! {warning}"));
    }
    for difference in &found.differences {
        show_one(difference);
    }
    line(&summary(&found.differences));
}

fn show_one(difference: &Difference) {
    let sign = match difference.action {
        Action::Create => '+',
        Action::Change => '~',
        Action::Remove => '-',
        Action::TakeOver => '=',
        Action::Forget => '?',
    };
    let remark = match (difference.action, difference.in_file) {
        (Action::TakeOver, _) => "  is as it should be, and managed by this file from now on",
        (Action::Forget, _) => "  is gone already, and no longer managed by this file",
        (Action::Remove, false) => "  goes with it; no part of this file",
        (_, false) => "  no part of this file",
        _ => "",
    };
    line(&format!("{sign} {}{remark}", difference.what));
    let widest = difference
        .fields
        .iter()
        .map(|field| field.field.len())
        .max();
    let width = widest.unwrap_or_default();
    for field in &difference.fields {
        let (before, after) = (in_words(&field.before), in_words(&field.after));
        let values = match difference.action {
            Action::Change => format!("{before} -> {after}"),
            Action::Remove if field.field == "bind" => before,
            Action::Remove => continue,
            _ => after,
        };
        line(&format!("    {:width$}  {values}", field.field));
    }
}

fn in_words(value: &Value) -> String {
    match value {
        Value::Null => "(none)".to_owned(),
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(in_words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn summary(differences: &[Difference]) -> String {
    let words = [
        (Action::Create, "to create"),
        (Action::Change, "to change"),
        (Action::Remove, "to remove"),
        (Action::TakeOver, "to take over"),
        (Action::Forget, "to forget"),
    ];
    let counts = words.into_iter().filter_map(|(action, word)| {
        let count = differences.iter().filter(|it| it.action == action).count();
        (count > 0).then(|| format!("{count} {word}"))
    });
    let counts: Vec<String> = counts.collect();
    if counts.is_empty() {
        "nothing to do".to_owned()
    } else {
        counts.join(", ")
    }
}
