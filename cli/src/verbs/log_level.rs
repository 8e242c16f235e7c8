//! `weft log-level`: what a daemon logs, shown or changed while it runs.

use weft_wire::control::Verb;
use weft_wire::log::{LogChange, LogFilter};

use crate::agent::Agent;
use crate::api::Api;
use crate::error::Error;
use crate::output::{Form, json, line};

/// Asks, and shows what was and what is.
pub fn run(
    filter: Option<String>,
    service: bool,
    agent: &Agent,
    api: &Api,
    form: Form,
) -> Result<(), Error> {
    let change: LogChange = match (service, filter) {
        (false, filter) => agent.one(Verb::LogLevel { filter })?,
        (true, Some(filter)) => api.put_weft("/log", &LogFilter { filter })?,
        (true, None) => {
            let LogFilter { filter } = understood(api.get_weft("/log")?)?;
            LogChange {
                before: filter.clone(),
                now: filter,
            }
        }
    };
    let LogChange { before, now } = &change;
    match form {
        Form::Json => json(&change),
        Form::People if before == now => line(now),
        Form::People => line(&format!("was {before}, is {now} until the next start")),
    }
    Ok(())
}

fn understood(value: serde_json::Value) -> Result<LogFilter, Error> {
    serde_json::from_value(value).map_err(|error| Error::ApiAnswer {
        url: "/weft/v1/log".to_owned(),
        problem: error.to_string(),
    })
}
