//! What is wrong with this host, and what to do about it: the checks of `weft doctor`.
//!
//! Every check looks at one thing and says one [`Finding`] about it, also when all is well, so that who reads it
//! knows what was looked at. Checks read files below a root ([`machine::Machine`]), so that tests can bring a
//! machine of their own; what the agent and the service say comes beside ([`Told`]).
//!
//! What it does not do: it changes nothing.

mod agent;
mod config;
mod files;
mod kernel;
mod machine;
mod neighbours;
mod service;

use serde::Serialize;

pub use config::Places;
pub use machine::Machine;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing has to be done.
    Notice,
    /// It works, and may not for long or not for all.
    Warning,
    /// Networks do not work, or not safely.
    Failure,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is so, and what that means.
    pub found: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// What others said; each is absent when it could not be had.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The agent's words, or why there are none.
    pub agent: Option<Result<agent::AgentSays, String>>,
    /// The service's, or why there are none.
    pub service: Option<Result<service::ServiceSays, String>>,
}

pub use agent::AgentSays;
pub use service::ServiceSays;

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            severity: Severity::Ok,
            found: found.into(),
            advice: None,
        }
    }

    fn of(
        severity: Severity,
        check: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            check,
            severity,
            found: found.into(),
            advice: Some(advice.into()),
        }
    }

    fn notice(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::of(Severity::Notice, check, found, advice)
    }

    fn warning(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::of(Severity::Warning, check, found, advice)
    }

    fn failure(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::of(Severity::Failure, check, found, advice)
    }
}

/// Looks at everything.
pub fn examine(machine: &Machine, places: &Places, told: &Told) -> Vec<Finding> {
    let mut findings = vec![kernel::version(machine), kernel::module(machine)];
    findings.extend(kernel::tracking(machine));
    findings.push(kernel::reverse_path(machine));
    findings.push(files::state_dir(machine, places));
    findings.extend(neighbours::programs(machine));
    if let Some(agent) = &told.agent {
        findings.extend(agent::findings(machine, agent));
    }
    if let Some(service) = &told.service {
        findings.extend(service::findings(machine, service));
    }
    findings.push(service::time_is_kept(machine));
    findings
}

#[cfg(test)]
mod tests;
