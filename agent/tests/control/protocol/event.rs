//! A recording: what was said, in the order in which it was.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing that was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Event {
    /// Somebody changed the topology by REST; no part of the protocol.
    Operator {
        method: String,
        path: String,
        body: Value,
    },
    /// The agent asked the service.
    Ask {
        number: u64,
        method: String,
        /// With the query, below the base address.
        path: String,
        body: Value,
    },
    /// The service answered; a watch's answer has no body.
    Answer {
        number: u64,
        status: u16,
        body: Value,
    },
    /// A line of the watch that was asked for.
    Line { number: u64, body: Value },
    /// A program asked the agent, and this was the whole answer.
    Control { request: Value, replies: Vec<Value> },
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Recording {
    pub(super) events: Vec<Event>,
}

impl Recording {
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let events = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let events: Vec<Event> = events.collect();
        assert!(!events.is_empty(), "{} is empty", path.display());
        Self { events }
    }

    pub(super) fn write(&self, path: &Path) {
        let lines = self.events.iter();
        let lines = lines.map(|event| serde_json::to_string(event).unwrap() + "\n");
        std::fs::write(path, lines.collect::<String>()).unwrap();
    }

    /// The id of the host whose agent asks.
    pub(super) fn host(&self) -> String {
        let mut asks = self.events.iter();
        let register = asks.find_map(|event| match event {
            Event::Ask { method, path, .. } if method == "PUT" => Some(path.clone()),
            _ => None,
        });
        register.unwrap().rsplit('/').next().unwrap().to_owned()
    }
}
