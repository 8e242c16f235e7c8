//! `weft trace`: a packet's walk, or the walks of those in a capture.

use std::io::Write;
use std::path::Path;
use std::str::FromStr;

use clap::ValueEnum;
use serde_json::json as object;
use weft_topology::id::PortId;
use weft_wire::control::{Connection, FailureCode, TraceResult, Verb};

use crate::agent::Agent;
use crate::capture_file::{self, Frame};
use crate::error::Error;
use crate::frame;
use crate::output::{Form, json, line, table};
use crate::progress::Progress;

/// Which packets of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    All,
    /// One, from 1 on.
    One(u64),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| *number > 0);
        match (text, number) {
            ("all", _) => Ok(Which::All),
            (_, Some(number)) => Ok(Which::One(number)),
            _ => Err("want all, or a packet's number from 1 on".to_owned()),
        }
    }
}

/// What a connection table says, where one is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Assumed {
    /// It begins a connection.
    New,
    /// It goes the way of the packet that began one.
    Established,
    /// It goes the other way.
    Reply,
    /// It is an ICMP error about one.
    Related,
    /// It fits none, and may not begin one.
    Invalid,
}

/// Where packets come in, and what is known of their connections.
#[derive(Clone, Copy, Debug)]
pub struct From {
    port: PortId,
    connection: Option<Connection>,
}

impl From {
    /// A port, and what a connection table says there.
    pub fn new(port: PortId, assumed: Option<Assumed>) -> Self {
        let connection = assumed.map(|assumed| match assumed {
            Assumed::New => Connection::New,
            Assumed::Established => Connection::Established,
            Assumed::Reply => Connection::Reply,
            Assumed::Related => Connection::Related,
            Assumed::Invalid => Connection::Invalid,
        });
        Self { port, connection }
    }
}

/// Makes the packet, asks and shows.
pub fn run(from: From, words: &[String], agent: &Agent, form: Form) -> Result<(), Error> {
    let trace = ask(from, &frame::from_words(words)?, agent)?;
    match form {
        Form::Json => json(&trace),
        Form::People => show(&trace),
    }
    Ok(())
}

/// Asks for the packets of a capture, and shows them in a table; a single one as if it was said in words.
pub fn capture(
    from: From,
    path: &Path,
    which: Which,
    agent: &Agent,
    form: Form,
) -> Result<(), Error> {
    let only = match which {
        Which::All => None,
        Which::One(number) => Some(number),
    };
    let mut traced = Traced {
        form,
        single: only.is_some(),
        rows: Vec::new(),
        all: 0,
        refused: 0,
        progress: Progress::of("traced", "packets", None),
    };
    let outcome = capture_file::read(path, only, |frame| {
        let result = match ask(from, &frame.bytes, agent) {
            // The frame is at fault, and the next may be none.
            Err(Error::Refused(failure)) if failure.code == FailureCode::BadRequest => {
                Err(failure.message)
            }
            other => Ok(other?),
        };
        traced.take(&frame, result);
        Ok::<(), Error>(())
    });
    traced.finish();
    outcome?;
    match traced.refused {
        0 => Ok(()),
        refused => Err(Error::Untraced {
            refused,
            all: traced.all,
        }),
    }
}

struct Traced {
    form: Form,
    single: bool,
    rows: Vec<Vec<String>>,
    all: u64,
    refused: u64,
    progress: Progress,
}

impl Traced {
    fn take(&mut self, frame: &Frame, result: Result<TraceResult, String>) {
        self.all += 1;
        self.refused += u64::from(result.is_err());
        self.progress.add(1);
        match self.form {
            // An array, item by item: a capture may be long.
            Form::Json => {
                let mut item = object!({
                    "packet": frame.number,
                    "length": frame.length,
                    "captured": frame.bytes.len(),
                });
                match result {
                    Ok(trace) => item["trace"] = object!(trace),
                    Err(problem) => item["problem"] = object!(problem),
                }
                let before = if self.all == 1 { "[" } else { "," };
                let _ = writeln!(std::io::stdout(), "{before}\n{item}");
            }
            Form::People if self.single => match result {
                Ok(trace) => show(&trace),
                Err(problem) => line(&problem),
            },
            Form::People => self.rows.push(row(frame, result)),
        }
    }

    fn finish(&mut self) {
        match self.form {
            Form::Json if self.all == 0 => line("[]"),
            Form::Json => line("]"),
            Form::People if self.single => {}
            Form::People => table(
                "packets",
                &["packet", "bytes", "from", "to", "verdict", "leaves by"],
                std::mem::take(&mut self.rows),
            ),
        }
    }
}

fn row(frame: &Frame, result: Result<TraceResult, String>) -> Vec<String> {
    let captured = frame.bytes.len() as u64;
    let length = if captured < frame.length {
        format!("{captured} of {}", frame.length)
    } else {
        captured.to_string()
    };
    let address = |from: usize| {
        let bytes = frame.bytes.get(from..from + 6).unwrap_or_default();
        let texts: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        texts.join(":")
    };
    let (verdict, outputs) = match result {
        Ok(trace) if trace.outputs.is_empty() => (trace.reason, "nowhere".to_owned()),
        Ok(trace) => (trace.reason, trace.outputs.join(", ")),
        Err(problem) => (format!("not traced: {problem}"), String::new()),
    };
    let number = frame.number.to_string();
    vec![number, length, address(6), address(0), verdict, outputs]
}

fn ask(from: From, bytes: &[u8], agent: &Agent) -> Result<TraceResult, Error> {
    agent.one(Verb::Trace {
        port: from.port,
        frame: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        connection: from.connection,
    })
}

fn show(trace: &TraceResult) {
    for (number, step) in trace.steps.iter().enumerate() {
        let object = match (step.object.as_str(), &step.name) {
            ("", _) => "the packet".to_owned(),
            (object, Some(name)) => format!("{object} ({name})"),
            (object, None) => object.to_owned(),
        };
        line(&format!("{:>3}  {object}: {}", number + 1, step.what));
    }
    line(&format!("\nverdict   {}", trace.reason));
    match trace.outputs.as_slice() {
        [] => line("leaves    nowhere"),
        outputs => line(&format!("leaves    {}", outputs.join(", "))),
    }
    for (number, pass) in trace.passes.iter().enumerate() {
        let name = match number {
            0 => "flow".to_owned(),
            again => format!("flow {}", again + 1),
        };
        let flow = pass.flow.as_deref().unwrap_or("none: this packet alone");
        line(&format!("{name:<9} {flow}"));
        line(&format!("actions   {}", pass.actions));
    }
    line(&format!("looked up again {} times", trace.recirculations));
}
