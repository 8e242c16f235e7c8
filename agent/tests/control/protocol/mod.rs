//! The protocols between agent and service, and between agent and command line: recordings of what has
//! landed, and that today's code gets on with them, in either role.
//!
//! ```text
//!  agent ─▶ recorder ─▶ service          landed/  the last landing's      ─▶ today's service, agent, clients
//!  weft, weft-vif ─▶ recorder ─▶ agent   now/     today's, and its types  ─▶ the same
//! ```
//! `make recordings` writes `now` after the wire has changed; `make recordings ROLL=1` makes `now` the landed
//! one first. What may change, and how, is said in the crate `weft-wire`.

mod compare;
mod event;
mod old_agent;
mod old_service;
mod recorder;
mod script;
mod shape;
mod types;

use std::path::PathBuf;

use event::{Event, Recording};
use serde_json::json;

/// The recordings that today's code has to get on with.
const RECORDINGS: [&str; 2] = ["landed", "now"];

fn folder(name: &str) -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/control/protocol");
    tests.join(name)
}

fn recording(name: &str) -> Recording {
    Recording::read(&folder(name).join("events.jsonl"))
}

#[test]
fn todays_service_answers_a_recorded_agent_as_it_was_answered() {
    for name in RECORDINGS {
        old_agent::ask_todays_service(&recording(name));
    }
}

#[test]
fn todays_agent_follows_a_recorded_service() {
    for name in RECORDINGS {
        old_service::serve_todays_agent(&recording(name));
    }
}

#[test]
fn todays_agent_follows_a_service_that_says_more_than_it_knows() {
    let recording = recording("now").with_more_in_answers();
    old_service::serve_todays_agent(&recording);
}

#[test]
fn todays_service_answers_an_agent_that_says_more_than_it_knows() {
    let recording = recording("now").with_more_in_asks();
    old_agent::ask_todays_service(&recording);
}

#[test]
fn todays_agent_answers_recorded_programs_as_they_were_answered() {
    for name in RECORDINGS {
        script::ask_todays_agent(&recording(name));
    }
    script::ask_todays_agent(&recording("now").with_more_in_asks());
}

#[test]
fn todays_programs_understand_a_recorded_agent() {
    for name in RECORDINGS {
        script::answer_todays_programs(&recording(name));
    }
    script::answer_todays_programs(&recording("now").with_more_in_answers());
}

#[test]
fn what_is_recorded_is_what_todays_code_says() {
    let today = script::record();
    let kept = recording("now");
    let (today, kept) = (shape::of(&today.events), shape::of(&kept.events));
    let mut differences = shape::differences(&kept, &today);
    // A report that meets the end of its port comes in some runs, and is answered like any other that is late.
    differences.retain(|it| !it.contains("answer POST /weft/v1/hosts/ID/state 404: "));
    assert!(
        differences.is_empty(),
        "the protocol has changed since it was recorded: if that is meant, and keeps to the rules in \
         weft-wire, run make recordings and commit\n{}",
        differences.join("\n")
    );
}

#[test]
fn the_types_on_the_wire_are_those_that_were_recorded_with() {
    let path = folder("now").join("types.txt");
    let kept = std::fs::read_to_string(&path).unwrap();
    let today = types::listing();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (kept, today) = (lines(&kept), lines(&today));
    let gone = kept.iter().filter(|line| !today.contains(line));
    let new = today.iter().filter(|line| !kept.contains(line));
    let gone = gone.map(|line| format!("- {line}"));
    let differences: Vec<String> = gone.chain(new.map(|line| format!("+ {line}"))).collect();
    assert!(
        differences.is_empty(),
        "types on the wire have changed: if that is meant, and keeps to the rules in weft-wire, run make \
         recordings and commit\n{}",
        differences.join("\n")
    );
}

/// Not a test: `make recordings` runs it.
#[test]
#[ignore = "writes the recording of today's code"]
fn record() {
    let folder = folder("now");
    std::fs::create_dir_all(&folder).unwrap();
    script::record().write(&folder.join("events.jsonl"));
    std::fs::write(folder.join("types.txt"), types::listing()).unwrap();
}

/// After each line of a watch two that only a newer service has.
fn with_newer_lines(event: Event) -> Vec<Event> {
    let Event::Line { number, .. } = event else {
        return vec![event];
    };
    let newer = [
        json!({"learned": {"revision": 1, "mac": "02:00:00:00:00:01"}}),
        json!({"put": {"revision": 1, "object": {"kind": "load_balancer", "id": 7}}}),
    ];
    let newer = newer.map(|body| Event::Line { number, body });
    [event].into_iter().chain(newer).collect()
}

impl Recording {
    /// What the programs that listen are told has a field more, in every object; and a watch has lines, and
    /// objects, of kinds that they do not know.
    fn with_more_in_answers(mut self) -> Self {
        self.events = self.events.into_iter().flat_map(with_newer_lines).collect();
        for event in &mut self.events {
            match event {
                Event::Answer { body, .. } | Event::Line { body, .. } => shape::add_field(body),
                Event::Control { replies, .. } => replies.iter_mut().for_each(shape::add_field),
                Event::Operator { .. } | Event::Ask { .. } => {}
            }
        }
        self
    }

    /// What is asked has a field more, in every object.
    fn with_more_in_asks(mut self) -> Self {
        for event in &mut self.events {
            match event {
                Event::Ask { body, .. } => shape::add_field(body),
                Event::Control { request, .. } => shape::add_field(request),
                _ => {}
            }
        }
        self
    }
}
