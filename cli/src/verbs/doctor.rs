//! `weft doctor`: what is wrong with this host, and what to do about it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use weft_wire::control::{BindingInfo, Verb};

use crate::agent::Agent;
use crate::api::Api;
use crate::doctor::{AgentSays, Finding, Machine, Places, ServiceSays, Severity, Told, examine};
use crate::error::Error;
use crate::output::{Form, cell, json, line};

/// Looks at everything and shows it. Fails if something does.
pub fn run(places: &Places, agent: &Agent, api: &Api, form: Form) -> Result<(), Error> {
    let of_agent = ask_agent(agent);
    let bindings = of_agent.as_ref().map_or(&[][..], |says| &says.bindings);
    let of_service = ask_service(api, bindings);
    let told = Told {
        agent: Some(of_agent.map_err(|error| error.to_string())),
        service: Some(of_service.map_err(|error| error.to_string())),
    };
    let findings = examine(&Machine::here(), places, &told);
    match form {
        Form::Json => json(&findings),
        Form::People => findings.iter().for_each(show),
    }
    let is_failure = |finding: &&Finding| finding.severity == Severity::Failure;
    match findings.iter().filter(is_failure).count() {
        0 => Ok(()),
        failures => Err(Error::Unwell { failures }),
    }
}

/// A finding is too long for a table's row.
fn show(finding: &Finding) {
    let word = match finding.severity {
        Severity::Ok => "ok",
        Severity::Notice => "notice",
        Severity::Warning => "WARNING",
        Severity::Failure => "FAILURE",
    };
    line(&format!("{word:<9}{}: {}", finding.check, finding.found));
    if let Some(advice) = &finding.advice {
        line(&format!("         → {advice}"));
    }
}

fn ask_agent(agent: &Agent) -> Result<AgentSays, Error> {
    Ok(AgentSays {
        pid: agent.pid().ok(),
        status: agent.one(Verb::Status)?,
        bindings: agent.list(Verb::Bindings)?,
    })
}

fn ask_service(api: &Api, bindings: &[BindingInfo]) -> Result<ServiceSays, Error> {
    let (url, date) = api.date()?;
    let mut networks: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for binding in bindings.iter().filter(|binding| binding.number.is_some()) {
        // A port may be gone by now.
        if let Ok(port) = api.get(&format!("/ports/{}", binding.port)) {
            let network = cell(&port, "deviceId");
            let interfaces = networks.entry(network).or_default();
            interfaces.push(binding.interface.clone());
        }
    }
    Ok(ServiceSays {
        url,
        ahead: date.map(|date| seconds_ahead(date, SystemTime::now())),
        networks,
    })
}

fn seconds_ahead(theirs: SystemTime, ours: SystemTime) -> i64 {
    let seconds =
        |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match theirs.duration_since(ours) {
        Ok(ahead) => seconds(ahead),
        Err(behind) => -seconds(behind.duration()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn clocks_are_compared_both_ways() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        assert_eq!(seconds_ahead(now + Duration::from_secs(7), now), 7);
        assert_eq!(seconds_ahead(now - Duration::from_secs(7), now), -7);
    }
}
