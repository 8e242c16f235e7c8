//! `weft why`: what a port's packets were dropped for, those that its machine sent and those that were for it.

use std::collections::HashMap;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use weft_topology::id::PortId;
use weft_wire::control::Verb;
use weft_wire::why::{DropStory, Way, WhyResult};

use crate::agent::Agent;
use crate::api::Api;
use crate::error::Error;
use crate::output::{Form, cell, json, line};
use crate::verbs::capture::port_of;

/// Time between two looks of `--follow`.
const AGAIN: Duration = Duration::from_secs(1);

/// Asks and shows; again and again if it is to follow.
pub fn run(port: &str, follow: bool, agent: &Agent, api: &Api, form: Form) -> Result<(), Error> {
    let port = port_of(port, agent)?;
    let mut why: WhyResult = agent.one(Verb::Why { port })?;
    if !why.is_here && why.interface.is_none() {
        // The service knows where it is, if it can be asked.
        why.problem = elsewhere(port, api).or(why.problem);
    }
    match form {
        Form::Json => json(&why),
        Form::People => show(&why),
    }
    match follow {
        true => go_on(port, counts(&why.drops), agent, form),
        false => Ok(()),
    }
}

/// Tells of each new drop, until the agent is gone.
fn go_on(port: PortId, mut seen: Counts, agent: &Agent, form: Form) -> Result<(), Error> {
    loop {
        sleep(AGAIN);
        let why: WhyResult = agent.one(Verb::Why { port })?;
        for story in why.drops.iter().rev() {
            let more = story.packets.saturating_sub(before(&seen, story));
            if more > 0 {
                let story = DropStory {
                    packets: more,
                    ..story.clone()
                };
                match form {
                    Form::Json => json(&story),
                    Form::People => tell(&story),
                }
            }
        }
        seen = counts(&why.drops);
    }
}

/// What makes packets alike, and how many there were.
type Counts = HashMap<(Way, Option<String>, String, Option<PortId>), u64>;

fn name(story: &DropStory) -> (Way, Option<String>, String, Option<PortId>) {
    let DropStory {
        way,
        packet,
        words,
        other,
        ..
    } = story;
    (*way, packet.clone(), words.clone(), *other)
}

fn counts(drops: &[DropStory]) -> Counts {
    let mut counts = Counts::new();
    for story in drops {
        *counts.entry(name(story)).or_default() += story.packets;
    }
    counts
}

fn before(seen: &Counts, story: &DropStory) -> u64 {
    seen.get(&name(story)).copied().unwrap_or(0)
}

/// Where the service has a port that this host does not carry.
fn elsewhere(id: PortId, api: &Api) -> Option<String> {
    let port = api.get(&format!("/ports/{id}")).ok()?;
    let host = match port["hostId"].as_str() {
        Some(host) => host,
        None => return Some("it is not bound to any host".to_owned()),
    };
    let name = api
        .get(&format!("/hosts/{host}"))
        .map(|host| cell(&host, "name"));
    let is_up = port["active"] == Value::Bool(true);
    Some(format!(
        "host {} has it, by {}{}: ask there",
        name.unwrap_or_else(|_| host.to_owned()),
        cell(&port, "interfaceName"),
        if is_up {
            ""
        } else {
            ", where it is not active"
        }
    ))
}

fn show(why: &WhyResult) {
    let WhyResult { port, .. } = why;
    line(&match (why.is_here, &why.interface, &why.problem) {
        (true, Some(interface), None) => format!("port {port} is here, by {interface}, and up"),
        (true, Some(interface), Some(problem)) => {
            format!("port {port} is here, by {interface}, but {problem}")
        }
        (_, _, Some(problem)) => format!("port {port} is not carried by this host: {problem}"),
        (_, _, None) => format!("port {port} is not carried by this host"),
    });
    if why.drops.is_empty() {
        line("nothing of it or for it was dropped here, as far as is remembered");
    }
    why.drops.iter().for_each(tell);
}

/// One story, in two lines or three.
fn tell(story: &DropStory) {
    let ago = match story.ago_ms {
        Some(ms) => format!("{}.{} s ago", ms / 1_000, ms % 1_000 / 100),
        None => "at some time".to_owned(),
    };
    let way = match (story.way, story.other) {
        (Way::From, None) => "from it".to_owned(),
        (Way::From, Some(other)) => format!("from it to port {other}"),
        (Way::To, None) => "to it".to_owned(),
        (Way::To, Some(other)) => format!("to it from port {other}"),
    };
    let packet = story.packet.as_deref().unwrap_or("not known");
    line(&format!(
        "{ago:>12}  {} packet{} {way}: {packet}",
        story.packets,
        if story.packets == 1 { "" } else { "s" }
    ));
    line(&format!("              {}: {}", story.reason, story.words));
    if let Some(rule) = &story.rule {
        let chain = match rule.chain_name.as_str() {
            "" => rule.chain.to_string(),
            name => format!("{name} ({})", rule.chain),
        };
        let owner = rule.tenant.as_deref();
        line(&format!(
            "              rule {} of chain {chain}{}{}",
            rule.place,
            if owner.is_some() { ", owner " } else { "" },
            owner.unwrap_or_default()
        ));
    }
}
