//! `weft show`: lists.

use std::collections::HashMap;

use serde_json::Value;
use weft_wire::control::{BindingInfo, DropInfo, FlowInfo, LearnedInfo, Verb};

use crate::agent::Agent;
use crate::api::Api;
use crate::args::Show;
use crate::error::Error;
use crate::output::{Form, cell, json, line, table};
use crate::verbs::show_filters;

/// Asks and shows.
pub fn run(what: Show, agent: &Agent, api: &Api, form: Form) -> Result<(), Error> {
    match what {
        Show::Hosts => {
            let hosts = api.list("/hosts")?;
            objects("hosts", &hosts, &["id", "name", "alive", "addresses"], form);
        }
        Show::Bridges => {
            let bridges = api.list("/bridges")?;
            objects(
                "bridges",
                &bridges,
                &["id", "name", "tenantId", "adminStateUp"],
                form,
            );
        }
        Show::Ports => ports(api, form)?,
        Show::Chains => show_filters::chains(api, form)?,
        Show::Rules { chain } => show_filters::rules(chain.as_deref(), api, form)?,
        Show::PortGroups => show_filters::port_groups(api, form)?,
        Show::AddressGroups => show_filters::address_groups(api, form)?,
        Show::Files => {
            let files: Vec<Value> = api.read_weft("/files")?;
            objects("topology files", &files, &["name", "objects"], form);
        }
        Show::Bindings => bindings(&agent.list(Verb::Bindings)?, form),
        Show::Flows { port } => flows(&agent.list(Verb::Flows { port })?, form),
        Show::Drops { port } => drops(&agent.list(Verb::Drops { port })?, form),
        Show::Macs => macs(&agent.list(Verb::Learned)?, form),
    }
    Ok(())
}

/// Objects of the service, some fields of each.
fn objects(what: &str, objects: &[Value], fields: &[&str], form: Form) {
    match form {
        Form::Json => json(&objects),
        Form::People => {
            let row = |object| fields.iter().map(|field| cell(object, field)).collect();
            table(what, fields, objects.iter().map(row).collect());
        }
    }
}

/// Ports, with the names of their bridges and hosts.
fn ports(api: &Api, form: Form) -> Result<(), Error> {
    let ports = api.list("/ports")?;
    if form == Form::Json {
        json(&ports);
        return Ok(());
    }
    let devices = names(api.list("/bridges")?);
    let hosts = names(api.list("/hosts")?);
    let name = |names: &HashMap<String, String>, id: String| names.get(&id).cloned().unwrap_or(id);
    let row = |port: &Value| {
        vec![
            cell(port, "id"),
            name(&devices, cell(port, "deviceId")),
            cell(port, "adminStateUp"),
            cell(port, "active"),
            name(&hosts, cell(port, "hostId")),
            cell(port, "interfaceName"),
        ]
    };
    let header = [
        "id",
        "device",
        "adminStateUp",
        "active",
        "host",
        "interface",
    ];
    table("ports", &header, ports.iter().map(row).collect());
    Ok(())
}

fn names(objects: Vec<Value>) -> HashMap<String, String> {
    objects
        .iter()
        .map(|object| (cell(object, "id"), cell(object, "name")))
        .collect()
}

fn bindings(bindings: &[BindingInfo], form: Form) {
    if form == Form::Json {
        return json(&bindings);
    }
    let row = |binding: &BindingInfo| {
        let state = serde_json::to_value(binding.state).unwrap_or_default();
        vec![
            binding.interface.clone(),
            binding.port.to_string(),
            state.as_str().unwrap_or_default().to_owned(),
            binding
                .number
                .map(|number| number.to_string())
                .unwrap_or_default(),
            binding.problem.clone().unwrap_or_default(),
        ]
    };
    let header = ["interface", "port", "state", "vport", "problem"];
    table("bindings", &header, bindings.iter().map(row).collect());
}

fn flows(flows: &[FlowInfo], form: Form) {
    if form == Form::Json {
        return json(&flows);
    }
    if flows.is_empty() {
        return line("no flows");
    }
    // A flow is too long for a table's row.
    for flow in flows {
        let seen = match flow.idle_ms {
            Some(ms) => format!(
                "{} packets, the last {}.{} s ago",
                flow.packets,
                ms / 1_000,
                ms % 1_000 / 100
            ),
            None => "no packet yet".to_owned(),
        };
        line(&flow.summary);
        line(&format!("    {seen}; {}", flow.reason));
    }
}

fn drops(drops: &[DropInfo], form: Form) {
    if form == Form::Json {
        return json(&drops);
    }
    let row = |drop: &DropInfo| {
        let port = drop.port.map(|port| port.to_string()).unwrap_or_default();
        vec![port, drop.reason.clone(), drop.packets.to_string()]
    };
    table(
        "drops",
        &["came in by port", "reason", "packets"],
        drops.iter().map(row).collect(),
    );
}

fn macs(macs: &[LearnedInfo], form: Form) {
    if form == Form::Json {
        return json(&macs);
    }
    let row = |entry: &LearnedInfo| {
        vec![
            entry.mac.clone(),
            entry.vlan.to_string(),
            entry.port.to_string(),
            entry.bridge.clone(),
            format!("{} s", entry.idle_seconds),
        ]
    };
    let header = ["mac", "vlan", "port", "bridge", "unused for"];
    table(
        "learned MAC addresses",
        &header,
        macs.iter().map(row).collect(),
    );
}
