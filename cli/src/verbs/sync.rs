//! `weft sync`: waits until every live host has in force what was newest when it began.

use std::time::{Duration, Instant};

use serde_json::json as object;
use weft_wire::sync::{HostSync, SyncStatus};

use crate::api::Api;
use crate::error::Error;
use crate::output::{Form, json, line};

/// How often the service is asked.
const STEP: Duration = Duration::from_millis(50);

/// Waits and says what it waited for.
pub fn run(seconds: u64, api: &Api, form: Form) -> Result<(), Error> {
    let end = Instant::now() + Duration::from_secs(seconds);
    let wanted = ask(api, "")?.revision;
    loop {
        // Hosts that die meanwhile are no longer listed, and are not waited for.
        let SyncStatus {
            in_force, hosts, ..
        } = ask(api, &format!("?revision={wanted}"))?;
        if in_force {
            match form {
                Form::Json => json(&object!({ "revision": wanted, "hosts": hosts.len() })),
                Form::People => line(&format!(
                    "revision {wanted} is in force on {} live host{}",
                    hosts.len(),
                    if hosts.len() == 1 { "" } else { "s" }
                )),
            }
            return Ok(());
        }
        if Instant::now() >= end {
            let behind: Vec<String> = hosts
                .iter()
                .filter(|host| !host.in_force)
                .map(named)
                .collect();
            return Err(Error::Lagging {
                seconds,
                revision: wanted,
                hosts: behind.join(", "),
            });
        }
        std::thread::sleep(STEP);
    }
}

fn ask(api: &Api, query: &str) -> Result<SyncStatus, Error> {
    let path = format!("/sync{query}");
    serde_json::from_value(api.get_weft(&path)?).map_err(|error| Error::ApiAnswer {
        url: path,
        problem: error.to_string(),
    })
}

fn named(host: &HostSync) -> String {
    match host.revision {
        Some(revision) => format!("{} (has {revision})", host.name),
        None => format!("{} (has said nothing yet)", host.name),
    }
}
