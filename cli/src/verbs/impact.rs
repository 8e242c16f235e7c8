//! `weft impact`: what applying a file would cut on this host.
//!
//! ```text
//!  file ─▶ service: which objects would change? ─▶ agent: what passes now, and would not then? ─▶ shown as it comes
//! ```

use std::io::Write;
use std::path::Path;

use serde_json::json as object;
use weft_wire::control::Verb;
use weft_wire::impact::{
    Effect, End, Extent, Impact, ImpactResult, LostConnection, LostFlow, RuleInfo,
};

use super::apply;
use crate::agent::Agent;
use crate::api::Api;
use crate::error::Error;
use crate::output::{Form, cell, line, table};

/// Rows of a table; what is more goes into the next one, so that a long answer is shown as it comes.
const BLOCK: usize = 500;

/// Asks the service, then the agent.
pub fn run(path: &Path, seconds: u32, agent: &Agent, api: &Api, form: Form) -> Result<(), Error> {
    let supposed = apply::supposed(path, api)?;
    let changes = supposed.changes.ok_or(Error::OldService)?;
    let mut shown = Shown::new(form);
    let verb = Verb::Impact {
        changes,
        traffic_ms: u64::from(seconds) * 1_000,
    };
    let looked = agent.stream(verb, |impact| shown.take(impact));
    shown.flush();
    let looked: ImpactResult = looked?;
    let others = other_hosts(api, &looked.host);
    match form {
        Form::Json => line(&format!(
            "{}],\n\"result\": {}}}",
            match shown.connections + shown.flows {
                0 => "{\"impact\": [",
                _ => "\n",
            },
            object!({
                "looked": looked,
                "revision": supposed.revision,
                "connections": shown.connections,
                "flows": shown.flows,
                "otherHosts": others,
            })
        )),
        Form::People => remarks(&looked, supposed.revision, &others, &shown),
    }
    Ok(())
}

/// Hosts that live and were not asked. Without an answer none is named.
fn other_hosts(api: &Api, this: &str) -> Vec<String> {
    let hosts = api.list("/hosts").unwrap_or_default();
    let lives = hosts
        .iter()
        .filter(|host| host["alive"] == serde_json::Value::Bool(true));
    let names = lives.map(|host| cell(host, "name"));
    names.filter(|name| name != this).collect()
}

fn remarks(looked: &ImpactResult, revision: u64, others: &[String], shown: &Shown) {
    if looked.revision < revision {
        line(&format!(
            "! this host has revision {} so far, the file was compared with {revision}",
            looked.revision
        ));
    }
    if looked.unknown > 0 {
        line(&format!(
            "! {} more are not known by their MACs, as no packet came since the agent began: no change cuts them before \
             one comes",
            counted(looked.unknown, "connection", "connections")
        ));
    }
    if looked.undecided > 0 {
        line(&format!(
            "! nothing can be said of {} that lead to objects which this host does not have",
            counted(
                looked.undecided,
                "connection or flow",
                "connections and flows"
            )
        ));
    }
    if !others.is_empty() {
        line(&format!("! not looked at: {}", others.join(", ")));
    }
    line(&format!(
        "{} of {} and {} of {} would not go on, on host {}",
        shown.connections,
        counted(looked.connections, "connection", "connections"),
        shown.flows,
        counted(looked.flows, "flow", "flows"),
        looked.host
    ));
}

fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// What was shown so far.
struct Shown {
    form: Form,
    connections: usize,
    flows: usize,
    rows: Vec<Vec<String>>,
    /// Whether the rows are of flows.
    are_flows: bool,
}

impl Shown {
    fn new(form: Form) -> Self {
        Self {
            form,
            connections: 0,
            flows: 0,
            rows: Vec::new(),
            are_flows: false,
        }
    }

    fn take(&mut self, impact: Impact) {
        let is_flow = matches!(impact, Impact::Flow(_));
        if self.form == Form::Json {
            let before = match self.connections + self.flows {
                0 => "{\"impact\": [",
                _ => ",",
            };
            let _ = write!(std::io::stdout(), "{before}\n{}", object!(impact));
        } else {
            if is_flow != self.are_flows || self.rows.len() == BLOCK {
                self.flush();
            }
            self.are_flows = is_flow;
            self.rows.push(match &impact {
                Impact::Connection(of) => connection(of),
                Impact::Flow(of) => flow(of),
            });
        }
        match is_flow {
            true => self.flows += 1,
            false => self.connections += 1,
        }
    }

    fn flush(&mut self) {
        if self.rows.is_empty() {
            return;
        }
        let rows = std::mem::take(&mut self.rows);
        match self.are_flows {
            true => table("flows", &FLOWS, rows),
            false => table("connections", &CONNECTIONS, rows),
        }
    }
}

const CONNECTIONS: [&str; 6] = [
    "connection",
    "from",
    "to",
    "state",
    "allowed now by",
    "then",
];
const FLOWS: [&str; 5] = ["flow", "idle", "no more to", "allowed now by", "then"];

fn connection(of: &LostConnection) -> Vec<String> {
    let mut protocol = of.protocol.clone();
    if let Some(icmp) = of.icmp {
        protocol.push_str(&format!(
            " type {} code {} id {}",
            icmp.kind, icmp.code, icmp.identifier
        ));
    }
    vec![
        protocol,
        end(&of.from),
        end(&of.to),
        state(of),
        rules(&of.allowed_by),
        then(effect(of.effect), &of.denied_by.words, &of.denied_by.rule),
    ]
}

fn end(of: &End) -> String {
    let address = match of.port {
        Some(port) => std::net::SocketAddr::new(of.address, port).to_string(),
        None => of.address.to_string(),
    };
    let carried = of.interface.clone().unwrap_or_else(|| "?".to_owned());
    match of.vif {
        Some(vif) => format!("{address}\n{carried} {vif}"),
        None => address,
    }
}

fn state(of: &LostConnection) -> String {
    let answered = if of.answered {
        "answered"
    } else {
        "unanswered"
    };
    let mut lines = vec![of.state.clone().unwrap_or_else(|| answered.to_owned())];
    lines.extend(of.since.map(|since| format!("since {}", time(since))));
    lines.extend(of.expires_seconds.map(|left| format!("ends in {left} s")));
    lines.extend(of.packets.map(|packets| format!("{packets} packets")));
    lines.join("\n")
}

/// A time of day on a day, UTC.
fn time(since: u64) -> String {
    let since = std::time::UNIX_EPOCH + std::time::Duration::from_secs(since);
    httpdate::fmt_http_date(since)
}

fn flow(of: &LostFlow) -> Vec<String> {
    let idle = of.idle_ms.map(|idle| format!("{} s", idle / 1_000));
    let extent = match of.extent {
        Extent::All => "dropped",
        Extent::Some => "some dropped",
    };
    vec![
        of.summary.clone(),
        idle.unwrap_or_default(),
        of.lost.join(", "),
        rules(&of.allowed_by),
        then(extent, &of.denied_by.words, &of.denied_by.rule),
    ]
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Cut => "cut",
        Effect::Ends => "ends",
        Effect::Stops => "stops",
    }
}

fn rules(of: &[RuleInfo]) -> String {
    of.iter().map(rule).collect::<Vec<_>>().join("\n")
}

fn rule(of: &RuleInfo) -> String {
    let chain = match of.chain_name.as_str() {
        "" => of.chain.to_string(),
        name => name.to_owned(),
    };
    match &of.owner {
        Some(owner) => format!("{} ({chain} of {owner})", of.words),
        None => format!("{} ({chain})", of.words),
    }
}

fn then(what: &str, words: &str, by: &Option<RuleInfo>) -> String {
    match by {
        Some(by) => format!("{what}: {}", rule(by)),
        None => format!("{what}: {words}"),
    }
}
