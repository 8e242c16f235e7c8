//! Metrics in Prometheus' text format (version 0.0.4), which every collector reads.
//!
//! A metric is a [`Family`], a constant: its name, kind and help stand in one place, from which
//! docs/metrics.md is made. Values are gathered when somebody asks and written onto a [`Page`]. What is counted
//! on a hot path is counted into a [`Histogram`] or an atomic of that path's own; nothing here is shared by two
//! threads that write.
//!
//! Why no library: those keep every series in a registry and share counters by lock or hash map. Nearly all
//! numbers here live elsewhere, in the kernel or in a worker, and have only to be printed.

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The content type of a page.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A metric: a name and all its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name; that of a counter ends with `_total`.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// Names of its labels; empty: it has one series.
    pub labels: &'static [&'static str],
    /// What it says, in a sentence, with the unit.
    pub help: &'static str,
}

/// Kinds of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until what it counts begins anew.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often a duration was up to so long.
    Histogram,
}

/// What is answered to who asks for metrics.
#[derive(Debug, Default)]
pub struct Page(String);

/// The samples of one family, as they are added.
#[derive(Debug)]
pub struct Samples<'a> {
    out: &'a mut String,
    family: &'static Family,
}

/// How long something took, counted in buckets. Observing takes some nanoseconds and allocates nothing.
#[derive(Debug)]
pub struct Histogram {
    /// Upper bounds of the buckets but the last, in microseconds, ascending.
    bounds: &'static [u64],
    /// One more than bounds: the last has no bound.
    counts: Box<[AtomicU64]>,
    nanoseconds: AtomicU64,
}

/// A histogram's counts at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    bounds: &'static [u64],
    counts: Vec<u64>,
    nanoseconds: u64,
}

/// Makes families, each a static of the name given, and `ALL`, which names every one:
/// `NAME: Kind "name" ["label", …] "help";`
#[macro_export]
macro_rules! families {
    ($($ident:ident: $kind:ident $name:literal [$($label:literal),*] $help:expr;)*) => {
        $(pub(crate) static $ident: $crate::metrics::Family = $crate::metrics::Family {
            name: $name,
            kind: $crate::metrics::Kind::$kind,
            labels: &[$($label),*],
            help: $help,
        };)*
        /// Every family.
        pub(crate) static ALL: &[&$crate::metrics::Family] = &[$(&$ident),*];
    };
}

// === impl Kind ===

impl Kind {
    /// Prometheus' word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

// === impl Page ===

impl Page {
    /// Adds a family that has one series.
    pub fn one(&mut self, family: &'static Family, value: impl Display) {
        self.of(family).add(&[], value);
    }

    /// Begins a family; its samples follow.
    pub fn of(&mut self, family: &'static Family) -> Samples<'_> {
        let Family {
            name, kind, help, ..
        } = family;
        // Writing to a string does not fail, here and below.
        let _ = writeln!(
            self.0,
            "# HELP {name} {help}\n# TYPE {name} {}",
            kind.word()
        );
        Samples {
            out: &mut self.0,
            family,
        }
    }

    /// The text.
    pub fn text(self) -> String {
        self.0
    }
}

impl Samples<'_> {
    /// Adds a sample, with a value for each of the family's labels, in their order.
    pub fn add(&mut self, labels: &[&str], value: impl Display) -> &mut Self {
        self.line("", labels, None, &value);
        self
    }

    /// Adds the samples of a histogram.
    pub fn distribution(&mut self, labels: &[&str], of: &Distribution) -> &mut Self {
        let mut so_far = 0;
        let bounds = of.bounds.iter().map(|&bound| seconds(bound * 1_000));
        let bounds = bounds.chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&of.counts) {
            so_far += count;
            self.line("_bucket", labels, Some(&bound), &so_far);
        }
        self.line("_sum", labels, None, &seconds(of.nanoseconds));
        self.line("_count", labels, None, &so_far);
        self
    }

    fn line(&mut self, suffix: &str, values: &[&str], le: Option<&str>, value: &dyn Display) {
        debug_assert_eq!(
            values.len(),
            self.family.labels.len(),
            "{}",
            self.family.name
        );
        let _ = write!(self.out, "{}{suffix}", self.family.name);
        let labels = self
            .family
            .labels
            .iter()
            .copied()
            .zip(values.iter().copied());
        let mut before = '{';
        for (label, value) in labels.chain(le.map(|le| ("le", le))) {
            let _ = write!(self.out, "{before}{label}=\"{}\"", escaped(value));
            before = ',';
        }
        if before == ',' {
            self.out.push('}');
        }
        let _ = writeln!(self.out, " {value}");
    }
}

fn escaped(label: &str) -> String {
    label
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// A decimal number, exact: floats would print 0.30000000000000004.
fn seconds(nanoseconds: u64) -> String {
    let (whole, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    let text = format!("{whole}.{rest:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

// === impl Histogram ===

impl Histogram {
    /// An empty one, with these upper bounds in microseconds, ascending.
    pub fn new(bounds: &'static [u64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            nanoseconds: AtomicU64::new(0),
        }
    }

    /// Counts a duration.
    pub fn observe(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = self
            .bounds
            .partition_point(|&bound| bound.saturating_mul(1_000) < nanoseconds);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn read(&self) -> Distribution {
        let counts = self.counts.iter();
        Distribution {
            bounds: self.bounds,
            counts: counts.map(|count| count.load(Ordering::Relaxed)).collect(),
            nanoseconds: self.nanoseconds.load(Ordering::Relaxed),
        }
    }
}

impl Distribution {
    /// Nothing, with these bounds.
    pub fn empty(bounds: &'static [u64]) -> Self {
        Histogram::new(bounds).read()
    }

    /// Adds another's counts, which has the same bounds.
    pub fn add(&mut self, other: &Self) {
        debug_assert_eq!(self.bounds, other.bounds);
        for (sum, more) in self.counts.iter_mut().zip(&other.counts) {
            *sum += more;
        }
        self.nanoseconds += other.nanoseconds;
    }

    /// How often something was counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static PLAIN: Family = Family {
        name: "weft_things",
        kind: Kind::Gauge,
        labels: &[],
        help: "Things.",
    };
    static LABELLED: Family = Family {
        name: "weft_drops_total",
        kind: Kind::Counter,
        labels: &["port", "reason"],
        help: "Drops.",
    };
    static TOOK: Family = Family {
        name: "weft_took_seconds",
        kind: Kind::Histogram,
        labels: &[],
        help: "How long.",
    };

    #[test]
    fn a_page_has_help_and_type_before_the_samples_and_labels_escaped() {
        let mut page = Page::default();
        page.one(&PLAIN, 7);
        page.of(&LABELLED)
            .add(&["p", "no-route"], 3)
            .add(&["a\"b", "c\\d\ne"], 4);
        let text = page.text();
        let wanted = "# HELP weft_things Things.\n# TYPE weft_things gauge\nweft_things 7\n\
            # HELP weft_drops_total Drops.\n# TYPE weft_drops_total counter\n\
            weft_drops_total{port=\"p\",reason=\"no-route\"} 3\n\
            weft_drops_total{port=\"a\\\"b\",reason=\"c\\\\d\\ne\"} 4\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn buckets_are_cumulative_and_a_bound_belongs_to_its_own() {
        let histogram = Histogram::new(&[100, 2_500]);
        for micros in [1, 100, 101, 2_500, 9_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let mut all = histogram.read();
        all.add(&Histogram::new(&[100, 2_500]).read());
        assert_eq!(all.count(), 5);
        let mut page = Page::default();
        page.of(&TOOK).distribution(&[], &all);
        let text = page.text();
        let samples: Vec<&str> = text.lines().skip(2).collect();
        let wanted = [
            "weft_took_seconds_bucket{le=\"0.0001\"} 2",
            "weft_took_seconds_bucket{le=\"0.0025\"} 4",
            "weft_took_seconds_bucket{le=\"+Inf\"} 5",
            "weft_took_seconds_sum 9.002702",
            "weft_took_seconds_count 5",
        ];
        assert_eq!(samples, wanted);
    }

    #[test]
    fn seconds_are_exact_decimals() {
        for (nanoseconds, text) in [
            (0, "0"),
            (300_000_000, "0.3"),
            (1, "0.000000001"),
            (10_000_000_000, "10"),
        ] {
            assert_eq!(seconds(nanoseconds), text);
        }
    }
}
