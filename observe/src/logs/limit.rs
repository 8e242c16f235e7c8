//! A bound on how much one place in the code may log in a minute. What is left out is counted, and said when
//! the minute is over.
//!
//! Why by place in the code and not by who caused it: a guest can be many (ports, addresses), and the number of
//! places is fixed, so the sum is bounded, too. Debug lines have a higher bound: who asks for them wants them.

use std::collections::HashMap;
use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, callsite::Identifier};
use tracing_subscriber::layer::{Context, Filter};

/// The time to which bounds apply.
const WINDOW: Duration = Duration::from_secs(60);
/// Lines of errors, warnings and information in it, from one place.
const LINES: u64 = 60;
/// Lines of debugging in it, from one place.
const DEBUG_LINES: u64 = 6_000;
/// Lines that users asked for, as [`ASKED_FOR`], in it: an hour of them is some hundred megabytes.
const ASKED_LINES: u64 = 30_000;
/// The target of lines that users asked for: what rules log, which is limited by port before it comes here.
const ASKED_FOR: &str = "weft::rules";
/// What is logged here is about lines that were left out, and never left out itself.
const OWN: &str = module_path!();
/// So many bytes of a line that was left out are shown for all of them.
const SHOWN: usize = 200;

/// Lines so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Errors that were written.
    pub errors: u64,
    /// Warnings that were written.
    pub warnings: u64,
    /// Others that were written.
    pub others: u64,
    /// Lines that were left out because of the bounds.
    pub left_out: u64,
}

/// Counts by place.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    sites: Mutex<HashMap<Identifier, Site>>,
    errors: AtomicU64,
    warnings: AtomicU64,
    others: AtomicU64,
    left_out: AtomicU64,
}

/// A place in the code, in the current window.
#[derive(Debug)]
struct Site {
    metadata: &'static Metadata<'static>,
    lines: u64,
    left_out: u64,
    /// The first line that was left out.
    example: String,
}

/// Lines of one place that were left out in a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) level: Level,
    pub(super) place: String,
    pub(super) lines: u64,
    pub(super) example: String,
}

/// The bound, as a filter of what is written.
pub(super) struct Limit(pub(super) Arc<Limiter>);

impl<S: Subscriber> Filter<S> for Limit {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        self.0.lets_through(event)
    }
}

impl Limiter {
    fn lets_through(&self, event: &Event<'_>) -> bool {
        let metadata = event.metadata();
        let bound = match *metadata.level() {
            _ if metadata.target() == ASKED_FOR => ASKED_LINES,
            Level::ERROR | Level::WARN | Level::INFO => LINES,
            Level::DEBUG | Level::TRACE => DEBUG_LINES,
        };
        if metadata.target() != OWN {
            let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
            let site = sites.entry(metadata.callsite()).or_insert_with(|| Site {
                metadata,
                lines: 0,
                left_out: 0,
                example: String::new(),
            });
            if site.lines == bound {
                if site.left_out == 0 {
                    site.example = text_of(event);
                }
                site.left_out += 1;
                self.left_out.fetch_add(1, Ordering::Relaxed);
                return false;
            }
            site.lines += 1;
        }
        let count = match *metadata.level() {
            Level::ERROR => &self.errors,
            Level::WARN => &self.warnings,
            _ => &self.others,
        };
        count.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Begins another window; what was left out in the last one.
    pub(super) fn next_window(&self) -> Vec<LeftOut> {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = std::mem::take(&mut *sites);
        drop(sites);
        let said = |site: Site| LeftOut {
            level: *site.metadata.level(),
            place: format!(
                "{}:{}",
                site.metadata.target(),
                site.metadata.line().unwrap_or_default()
            ),
            lines: site.left_out,
            example: site.example,
        };
        let ended = ended.into_values().filter(|site| site.left_out > 0);
        ended.map(said).collect()
    }

    pub(super) fn lines(&self) -> Lines {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Lines {
            errors: of(&self.errors),
            warnings: of(&self.warnings),
            others: of(&self.others),
            left_out: of(&self.left_out),
        }
    }
}

/// Starts the thread that ends windows.
pub(super) fn say_what_is_left_out(limiter: &Arc<Limiter>) -> std::io::Result<()> {
    let limiter = limiter.clone();
    let thread = std::thread::Builder::new().name("log-limits".to_owned());
    thread
        .spawn(move || {
            loop {
                std::thread::sleep(WINDOW);
                limiter.next_window().iter().for_each(say);
            }
        })
        .map(drop)
}

fn say(left_out: &LeftOut) {
    let LeftOut {
        level,
        place,
        lines,
        example,
    } = left_out;
    let text = format!("{lines} more in the last {} s: {example}", WINDOW.as_secs());
    match *level {
        Level::ERROR => tracing::error!(place, lines, "{text}"),
        Level::WARN => tracing::warn!(place, lines, "{text}"),
        Level::INFO => tracing::info!(place, lines, "{text}"),
        Level::DEBUG | Level::TRACE => tracing::debug!(place, lines, "{text}"),
    }
}

fn text_of(event: &Event<'_>) -> String {
    let mut text = Text(String::new());
    event.record(&mut text);
    let end = text.0.floor_char_boundary(SHOWN);
    text.0.truncate(end);
    text.0
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let between = if self.0.is_empty() { "" } else { " " };
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{between}{value:?}"),
            name => write!(self.0, "{between}{name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {

    use tracing_subscriber::Layer;
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Buffer {
        type Writer = Self;
        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    impl Buffer {
        fn count(&self, what: &str) -> usize {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            text.lines().filter(|line| line.contains(what)).count()
        }
    }

    fn logging(run: impl FnOnce(&Limiter, &Buffer)) {
        let (limiter, buffer) = (Arc::new(Limiter::default()), Buffer::default());
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(buffer.clone())
            .with_ansi(false)
            .with_filter(Limit(limiter.clone()));
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || run(&limiter, &buffer));
    }

    #[test]
    fn a_place_that_logs_without_end_is_bounded_and_others_are_not_touched() {
        logging(|limiter, buffer| {
            for port in 0..LINES + 1_000 {
                tracing::warn!(target: "test", port, "a guest did it");
            }
            tracing::error!(target: "test", "something else");
            assert_eq!(
                buffer.count("a guest did it"),
                usize::try_from(LINES).unwrap()
            );
            assert_eq!(buffer.count("something else"), 1);
            let lines = limiter.lines();
            assert_eq!((lines.warnings, lines.errors), (LINES, 1));
            assert_eq!(lines.left_out, 1_000);
        });
    }

    #[test]
    fn what_was_left_out_is_said_once_and_the_next_window_begins_anew() {
        logging(|limiter, buffer| {
            let log = || tracing::info!(target: "test", port = 7, "a guest did it");
            (0..LINES + 3).for_each(|_| log());
            let said = limiter.next_window();
            assert_eq!(said.len(), 1);
            assert_eq!((said[0].lines, said[0].level), (3, Level::INFO));
            assert_eq!(said[0].example, "a guest did it port=7");
            (0..LINES * 2).for_each(|_| say(&said[0]));
            let wanted = usize::try_from(LINES * 2).unwrap();
            assert_eq!(buffer.count("3 more in the last 60 s"), wanted);
            log();
            let first = usize::try_from(LINES).unwrap();
            assert_eq!(buffer.count("a guest did it port=7"), first + wanted + 1);
            assert_eq!(limiter.next_window(), []);
        });
    }
}
