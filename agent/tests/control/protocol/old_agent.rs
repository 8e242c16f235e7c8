//! A recorded agent asks today's service.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::Value;
use weft_topology::Kind;

use super::compare;
use super::event::{Event, Recording};
use super::shape::{lacks, line_name};
use crate::cloud::Cloud;
use crate::until;

/// Lines of a watch so far.
type Lines = Arc<Mutex<Vec<Value>>>;

/// Asks everything in the recorded order, up to the end of the recorded store; the watch stays open beside.
pub(super) fn ask_todays_service(recording: &Recording) {
    let cloud = Cloud::start();
    let mut asked: BTreeMap<u64, (u16, Value)> = BTreeMap::new();
    let mut watch: Option<(u64, Lines)> = None;
    for event in &recording.events {
        match event {
            Event::Operator { method, path, body } => {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let (status, text) = cloud.call(method, path, body.clone());
                assert!((200..300).contains(&status), "{path}: {text}");
            }
            // One watch is enough: what the recorded agent asked after it is of another store.
            Event::Ask { path, .. } if path.contains("/watch") && watch.is_some() => break,
            Event::Ask { number, path, .. } if path.contains("/watch") => {
                asked.insert(*number, (200, Value::Null));
                watch = Some((*number, open(&cloud, path)));
            }
            Event::Ask {
                number,
                method,
                path,
                body,
            } => {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let (status, text) = cloud.call(method, path, body.clone());
                let value = serde_json::from_str(&text).unwrap_or(Value::Null);
                asked.insert(*number, (status, value));
            }
            Event::Answer {
                number,
                status,
                body,
            } => {
                let Some((now, value)) = asked.get(number) else {
                    continue;
                };
                let what = format!("ask {number}");
                compare::answer(&what, (*status, body), (*now, value));
            }
            Event::Line { number, body } => {
                if let Some((open, lines)) = &watch
                    && open == number
                {
                    until(&format!("a line like {body}"), || {
                        lines.lock().unwrap().iter().any(|line| serves(body, line))
                    });
                }
            }
            Event::Control { .. } => {}
        }
    }
    let (_, lines) = watch.expect("a recorded watch");
    for line in lines.lock().unwrap().iter() {
        is_known_to_the_recorded(line, recording);
    }
}

/// Whether a line of today tells what the recorded one told.
fn serves(recorded: &Value, today: &Value) -> bool {
    let id = |line: &Value| match line["put"]["object"]["id"].as_str() {
        Some(id) => Some(id.to_owned()),
        None => line["gone"]["id"]["id"].as_str().map(str::to_owned),
    };
    line_name(recorded) == line_name(today)
        && id(recorded) == id(today)
        && recorded["put"]["object"]["name"] == today["put"]["object"]["name"]
        && today["complete"]["interest"].as_u64() >= recorded["complete"]["interest"].as_u64()
        && lacks(recorded, today).is_empty()
}

/// An old agent would end a watch in which there is a line that it does not know.
fn is_known_to_the_recorded(line: &Value, recording: &Recording) {
    let name = line_name(line);
    let is_recorded = recording
        .events
        .iter()
        .any(|event| matches!(event, Event::Line { body, .. } if line_name(body) == name));
    let kind = line["put"]["object"]["kind"].as_str();
    let is_of_a_kind = Kind::ALL.iter().any(|known| Some(known.name()) == kind);
    assert!(is_recorded || is_of_a_kind, "a line that is new: {line}");
}

/// Opens a watch; its lines gather as they come, until the service is gone.
fn open(cloud: &Cloud, path: &str) -> Lines {
    let url = cloud.url();
    let addr = url
        .strip_prefix("http://")
        .unwrap()
        .split('/')
        .next()
        .unwrap();
    let mut stream = TcpStream::connect(addr).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {addr}\r\n\r\n").unwrap();
    let lines = Lines::default();
    let gathered = lines.clone();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).unwrap(), 0, "no answer: {head}");
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let mut body = String::new();
        let mut size = String::new();
        while reader.read_line(&mut size).is_ok_and(|read| read > 0) {
            let length = usize::from_str_radix(size.trim(), 16).unwrap();
            let mut chunk = vec![0; length + 2];
            if reader.read_exact(&mut chunk).is_err() {
                return;
            }
            body.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
            while let Some((line, rest)) = body.split_once('\n') {
                gathered
                    .lock()
                    .unwrap()
                    .push(serde_json::from_str(line).unwrap());
                body = rest.to_owned();
            }
            size.clear();
        }
    });
    lines
}
