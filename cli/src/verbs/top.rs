//! `weft top`: the ports of this host by what passes them, again and again.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::Serialize;
use weft_topology::id::PortId;
use weft_wire::control::{PortInfo, Verb};

use crate::agent::Agent;
use crate::error::Error;
use crate::output::Form;

/// Puts the cursor at the top and clears what is below it.
const HOME: &str = "\x1b[H\x1b[J";

/// By what ports are sorted, the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Key {
    /// Packets a second, both ways.
    Packets,
    /// Bits a second, both ways.
    Bits,
    /// Upcalls a second.
    Upcalls,
    /// Packets dropped and lost a second.
    Drops,
    /// Flows.
    Flows,
}

/// How it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// By what ports are sorted.
    pub key: Key,
    /// Between two frames.
    pub interval: Duration,
    /// Frames; absent: without end.
    pub count: Option<u64>,
    /// Ports in a frame, the first ones; absent: as many as fit, or all.
    pub lines: Option<usize>,
}

/// A port's rates, each a second.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rates {
    port: PortId,
    interface: String,
    packets_in: f64,
    packets_out: f64,
    bits_in: f64,
    bits_out: f64,
    upcalls: f64,
    drops: f64,
    flows: u64,
}

/// One look at all ports.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Frame {
    seconds: f64,
    ports: Vec<Rates>,
}

/// Shows frames until there were enough.
pub fn run(options: Options, agent: &Agent, form: Form) -> Result<(), Error> {
    let live = form == Form::People && std::io::stdout().is_terminal();
    let (mut before, mut at) = (look(agent)?, Instant::now());
    let mut shown = 0;
    while options.count.is_none_or(|count| shown < count) {
        std::thread::sleep(options.interval);
        let (after, now) = (look(agent), Instant::now());
        let text = match (&after, form) {
            // Who watches wants to see it come back.
            (Err(error), _) if live => format!("{error}\n"),
            (Err(_), _) => String::new(),
            (Ok(after), form) => {
                let frame = Frame::between(&before, after, now - at, options.key);
                match form {
                    Form::Json => serde_json::to_string(&frame).unwrap_or_default() + "\n",
                    Form::People => frame.text(options.lines.or_else(|| fitting(live))),
                }
            }
        };
        let after = match after {
            Err(error) if !live => return Err(error),
            after => after.unwrap_or_default(),
        };
        let text = if live { format!("{HOME}{text}") } else { text };
        let mut out = std::io::stdout();
        // A reader who closed the pipe has seen enough.
        if out
            .write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .is_err()
        {
            return Ok(());
        }
        (before, at) = (after, now);
        shown += 1;
    }
    Ok(())
}

/// Ports for which the terminal has rows, below the header and above the cursor.
fn fitting(live: bool) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    let rows = usize::from(size.ws_row);
    (live && rows > 2).then(|| rows - 2)
}

fn look(agent: &Agent) -> Result<Vec<PortInfo>, Error> {
    agent.list(Verb::Ports)
}

impl Frame {
    fn between(before: &[PortInfo], after: &[PortInfo], time: Duration, key: Key) -> Self {
        let seconds = time.as_secs_f64().max(f64::EPSILON);
        let old: HashMap<PortId, &PortInfo> = before.iter().map(|port| (port.port, port)).collect();
        let mut ports: Vec<Rates> = after
            .iter()
            .filter_map(|now| Some(rates(old.get(&now.port)?, now, seconds)))
            .collect();
        ports.sort_by(|a, b| {
            let by_key = b.by(key).total_cmp(&a.by(key));
            by_key.then_with(|| a.interface.cmp(&b.interface))
        });
        Self { seconds, ports }
    }

    fn text(&self, lines: Option<usize>) -> String {
        let mut text = format!(
            "{:<16}{:>12}{:>12}{:>10}{:>10}{:>11}{:>10}{:>9}\n",
            "interface",
            "packets in/s",
            "out/s",
            "bits in/s",
            "out/s",
            "upcalls/s",
            "drops/s",
            "flows"
        );
        for port in self.ports.iter().take(lines.unwrap_or(usize::MAX)) {
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{:<16}{:>12}{:>12}{:>10}{:>10}{:>11}{:>10}{:>9}",
                port.interface,
                short(port.packets_in),
                short(port.packets_out),
                short(port.bits_in),
                short(port.bits_out),
                short(port.upcalls),
                short(port.drops),
                port.flows
            );
        }
        if self.ports.is_empty() {
            text.push_str("no port is carried\n");
        }
        text
    }
}

impl Rates {
    fn by(&self, key: Key) -> f64 {
        match key {
            Key::Packets => self.packets_in + self.packets_out,
            Key::Bits => self.bits_in + self.bits_out,
            Key::Upcalls => self.upcalls,
            Key::Drops => self.drops,
            #[allow(clippy::cast_precision_loss, reason = "only compared")]
            Key::Flows => self.flows as f64,
        }
    }
}

/// A counter that is lower than it was has begun anew, with a restart or a new interface.
fn rates(old: &PortInfo, now: &PortInfo, seconds: f64) -> Rates {
    #[allow(clippy::cast_precision_loss, reason = "rates are rounded for people")]
    let rate = |old: u64, now: u64| now.saturating_sub(old) as f64 / seconds;
    Rates {
        port: now.port,
        interface: now.interface.clone(),
        packets_in: rate(old.packets_in, now.packets_in),
        packets_out: rate(old.packets_out, now.packets_out),
        bits_in: 8.0 * rate(old.bytes_in, now.bytes_in),
        bits_out: 8.0 * rate(old.bytes_out, now.bytes_out),
        upcalls: rate(old.upcalls, now.upcalls),
        drops: rate(old.dropped, now.dropped) + rate(old.lost, now.lost),
        flows: now.flows,
    }
}

/// Three digits and a unit.
fn short(value: f64) -> String {
    const UNITS: [&str; 5] = ["", "k", "M", "G", "T"];
    let mut value = value;
    for unit in UNITS {
        if value < 999.5 {
            return match value {
                0.0 => "0".to_owned(),
                small if small < 9.95 => format!("{small:.1}{unit}"),
                large => format!("{large:.0}{unit}"),
            };
        }
        value /= 1_000.0;
    }
    format!("{value:.0}P")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(n: u128, packets_in: u64, dropped: u64) -> PortInfo {
        PortInfo {
            port: PortId::from(uuid::Uuid::from_u128(n)),
            interface: format!("tap{n}"),
            packets_in,
            packets_out: 0,
            bytes_in: packets_in * 100,
            bytes_out: 0,
            lost: 0,
            dropped,
            upcalls: 0,
            flows: 7,
        }
    }

    #[test]
    fn rates_are_differences_by_time_sorted_by_what_was_asked() {
        let before = [port(1, 1_000, 0), port(2, 0, 0), port(3, 500, 9)];
        let after = [
            port(1, 3_000, 0),
            port(2, 0, 40),
            port(3, 100, 9),
            port(4, 9, 9),
        ];
        let frame = |key| Frame::between(&before, &after, Duration::from_secs(2), key);
        let names = |frame: &Frame| -> Vec<String> {
            frame
                .ports
                .iter()
                .map(|port| port.interface.clone())
                .collect()
        };
        let by_packets = frame(Key::Packets);
        assert_eq!(
            names(&by_packets),
            ["tap1", "tap2", "tap3"],
            "new ports have no rate yet"
        );
        assert_eq!(by_packets.ports[0].packets_in, 1_000.0);
        assert_eq!(by_packets.ports[0].bits_in, 800_000.0);
        assert_eq!(by_packets.ports[2].packets_in, 0.0, "a counter began anew");
        assert_eq!(names(&frame(Key::Drops))[0], "tap2");
        let text = by_packets.text(Some(1));
        assert_eq!(text.lines().count(), 2);
        assert!(text.contains("1.0k") && text.contains("800k"), "{text}");
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (0.5, "0.5"),
            (9.96, "10"),
            (999.4, "999"),
            (999.6, "1.0k"),
            (12_345.0, "12k"),
            (9.9e11, "990G"),
            (5e15, "5P"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
