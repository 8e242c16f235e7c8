//! `weft show chains`, `rules`, `port-groups`, `address-groups`: what filters, and by which groups.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api::Api;
use crate::error::Error;
use crate::output::{Form, cell, json, line, table};

/// What may have a chain, and the fields that name it.
const FILTERED: [(&str, &str); 2] = [("/bridges", "bridge"), ("/ports", "port")];
const SIDES: [(&str, &str); 2] = [
    ("inboundFilterId", "inbound"),
    ("outboundFilterId", "outbound"),
];

/// Chains, and what each filters.
pub fn chains(api: &Api, form: Form) -> Result<(), Error> {
    let chains = api.list("/chains")?;
    if form == Form::Json {
        json(&chains);
        return Ok(());
    }
    let uses = uses(&chains, api)?;
    let row = |chain: &Value| {
        let id = cell(chain, "id");
        let used = uses.get(&id).map(|uses| uses.join(", "));
        vec![
            cell(chain, "name"),
            cell(chain, "tenantId"),
            count(chain, "ruleIds"),
            used.unwrap_or_default(),
            id,
        ]
    };
    let header = ["name", "tenant", "rules", "filters", "id"];
    table("chains", &header, chains.iter().map(row).collect());
    Ok(())
}

/// What each chain is named by, by the chain's id.
fn uses(chains: &[Value], api: &Api) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let names: BTreeMap<String, String> = chains
        .iter()
        .map(|chain| (cell(chain, "id"), called(chain)))
        .collect();
    let mut uses: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, what) in FILTERED {
        for object in api.list(path)? {
            for (field, side) in SIDES {
                let chain = cell(&object, field);
                if !chain.is_empty() {
                    let used = format!("{side} of {what} {}", called(&object));
                    uses.entry(chain).or_default().push(used);
                }
            }
        }
    }
    for rule in api.list("/rules")? {
        let chain = cell(&rule, "jumpChainId");
        if !chain.is_empty() {
            let from = cell(&rule, "chainId");
            let used = format!("jump of {}", names.get(&from).unwrap_or(&from));
            uses.entry(chain).or_default().push(used);
        }
    }
    Ok(uses)
}

/// An object's name, else its id.
fn called(object: &Value) -> String {
    let name = cell(object, "name");
    if name.is_empty() {
        cell(object, "id")
    } else {
        name
    }
}

fn count(object: &Value, field: &str) -> String {
    let list = object.get(field).and_then(Value::as_array);
    list.map_or_else(String::new, |list| list.len().to_string())
}

/// The rules of all chains, or of those with a name or id.
pub fn rules(chain: Option<&str>, api: &Api, form: Form) -> Result<(), Error> {
    let chains: Vec<Value> = api
        .list("/chains")?
        .into_iter()
        .filter(|it| chain.is_none_or(|wanted| wanted == called(it) || wanted == cell(it, "id")))
        .collect();
    if let Some(wanted) = chain
        && chains.is_empty()
    {
        return Err(Error::NoSuchChain(wanted.to_owned()));
    }
    let mut rules: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let ids: Vec<String> = chains.iter().map(|chain| cell(chain, "id")).collect();
    for rule in api.list("/rules")? {
        let chain = cell(&rule, "chainId");
        if ids.contains(&chain) {
            rules.entry(chain).or_default().push(rule);
        }
    }
    if form == Form::Json {
        json(&rules.into_values().flatten().collect::<Vec<Value>>());
        return Ok(());
    }
    if chains.is_empty() {
        line("no chains");
    }
    for (place, chain) in chains.iter().enumerate() {
        if place > 0 {
            line("");
        }
        let (name, id) = (called(chain), cell(chain, "id"));
        match name == id {
            true => line(&format!("chain {id}")),
            false => line(&format!("chain {name} ({id})")),
        }
        let own = rules.get(&id).map(Vec::as_slice).unwrap_or_default();
        let row = |rule| {
            vec![
                cell(rule, "position"),
                cell(rule, "summary"),
                cell(rule, "id"),
            ]
        };
        table(
            "rules",
            &["place", "rule", "id"],
            own.iter().map(row).collect(),
        );
    }
    Ok(())
}

/// Port groups and their members.
pub fn port_groups(api: &Api, form: Form) -> Result<(), Error> {
    let groups = api.list("/port_groups")?;
    if form == Form::Json {
        json(&groups);
        return Ok(());
    }
    let header = ["name", "tenantId", "stateful", "ports", "id"];
    let fields = ["name", "tenantId", "stateful", "portIds", "id"];
    rows("port groups", &groups, &header, &fields);
    Ok(())
}

/// Address groups and their members.
pub fn address_groups(api: &Api, form: Form) -> Result<(), Error> {
    let groups = api.list("/ip_addr_groups")?;
    if form == Form::Json {
        json(&groups);
        return Ok(());
    }
    let fields = ["name", "tenantId", "addresses", "id"];
    rows("address groups", &groups, &fields, &fields);
    Ok(())
}

fn rows(what: &str, objects: &[Value], header: &[&str], fields: &[&str]) {
    let row = |object| fields.iter().map(|field| cell(object, field)).collect();
    table(what, header, objects.iter().map(row).collect());
}
