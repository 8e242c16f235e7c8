//! The demo's narration and its closing table.

use std::io::Write;
use std::time::Instant;

use anyhow::Result;
use comfy_table::{Table, presets};

/// What the steps came to.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    title: &'static str,
    proves: &'static str,
    seen: String,
    seconds: f32,
    held: bool,
}

impl Report {
    /// Runs a step and tells about it. A step that fails does not keep the next from being tried.
    pub fn step(
        &mut self,
        title: &'static str,
        proves: &'static str,
        work: impl FnOnce() -> Result<String>,
    ) {
        say(&format!(
            "\n{}. {title}\n   proves: {proves}",
            self.rows.len() + 1
        ));
        let start = Instant::now();
        let outcome = work();
        let seconds = start.elapsed().as_secs_f32();
        let (held, seen) = match outcome {
            Ok(seen) => (true, seen),
            Err(error) => (false, format!("{error:#}")),
        };
        say(&format!(
            "   {} {seen}  ({seconds:.1} s)",
            if held { "saw:" } else { "FAILED:" }
        ));
        self.rows.push(Row {
            title,
            proves,
            seen,
            seconds,
            held,
        });
    }

    /// Prints the table; whether every step held.
    pub fn close(self) -> bool {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(["", "step", "what it proves", "what was seen", "s"]);
        table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
        table.set_width(118);
        let held = self.rows.iter().filter(|row| row.held).count();
        let all = self.rows.len();
        for row in self.rows {
            let seen = row.seen.lines().next().unwrap_or_default().to_owned();
            let seconds = format!("{:.1}", row.seconds);
            let mark = if row.held { "held" } else { "FAILED" };
            table.add_row([mark, row.title, row.proves, &seen, &seconds]);
        }
        say(&format!("\n{table}\n{held} of {all} steps held"));
        held == all
    }
}

/// Prints a line at once; who reads it may have gone, which is no failure of the demo.
pub fn say(text: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
