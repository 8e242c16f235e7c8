//! `weft status`: the state of this host's agent.

use weft_topology::policy::Established;
use weft_wire::control::{Status, Verb};

use crate::agent::Agent;
use crate::error::Error;
use crate::output::{Form, json, line};

/// Asks and shows.
pub fn run(agent: &Agent, form: Form) -> Result<(), Error> {
    let status: Status = agent.one(Verb::Status)?;
    if form == Form::Json {
        json(&status);
        return Ok(());
    }
    let heard = match (&status.api, status.api_silence_seconds) {
        (Some(url), Some(seconds)) => format!("{url}, last heard {seconds} s ago"),
        (None, Some(seconds)) => format!("unreachable, last heard {seconds} s ago"),
        (_, None) => "never heard of; serving from disk".to_owned(),
    };
    for (name, value) in [
        (
            "agent",
            format!("{}, up {} s", status.version, status.uptime_seconds),
        ),
        ("host", format!("{} ({})", status.host_name, status.host_id)),
        (
            "datapath",
            format!("{}, {} flows", status.datapath, status.flows),
        ),
        ("service", heard),
        (
            "revision",
            format!("{}, in force {}", status.revision, status.revision_in_force),
        ),
        (
            "removed",
            match status.established {
                Established::Sever => "rules cut the connections that they let in".to_owned(),
                Established::Keep => "rules leave the connections that they let in".to_owned(),
            },
        ),
        (
            "bindings",
            format!(
                "{} active, {} pending",
                status.bindings_active, status.bindings_pending
            ),
        ),
    ] {
        line(&format!("{name:<10}{value}"));
    }
    for (name, value) in &status.counters {
        line(&format!("  {name:<22}{value:>12}"));
    }
    Ok(())
}
