//! Results: samples by case and subject, the file of figures, and the table that says pass or miss.

use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{ContentArrangement, Table, presets};
use serde::{Deserialize, Serialize};

/// Figures of one subject in one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured.
    pub case: String,
    /// Of whom.
    pub subject: String,
    /// Of what the figures are.
    pub unit: String,
    /// How many runs.
    pub n: usize,
    /// The least.
    pub min: f64,
    /// The median.
    pub median: f64,
    /// The most.
    pub max: f64,
    /// What the median is expected to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Whether it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<bool>,
}

/// What a figure is held against.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// What is expected, in words.
    pub what: String,
    /// What it came to.
    pub value: f64,
    /// Behind the value.
    pub unit: &'static str,
    /// Whether that is good enough.
    pub holds: bool,
}

/// All that was measured.
#[derive(Debug, Default)]
pub struct Report {
    figures: Vec<Figure>,
    expectations: Vec<Expectation>,
}

impl Figure {
    /// Of samples, of which there must be one.
    pub fn of(case: &str, subject: &str, unit: &str, samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            case: case.to_owned(),
            subject: subject.to_owned(),
            unit: unit.to_owned(),
            n: sorted.len(),
            min: *sorted.first()?,
            median: median(&sorted)?,
            max: *sorted.last()?,
            expected: None,
            holds: None,
        })
    }
}

/// The one in the middle of sorted values, or the mean of the two.
fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    match sorted.len().is_multiple_of(2) {
        true => Some(f64::midpoint(*sorted.get(middle - 1)?, upper)),
        false => Some(upper),
    }
}

impl Report {
    /// Adds the samples of a subject; gives their median.
    pub fn add(&mut self, case: &str, subject: &str, unit: &str, samples: &[f64]) -> f64 {
        let Some(figure) = Figure::of(case, subject, unit, samples) else {
            return f64::NAN;
        };
        let median = figure.median;
        self.figures.push(figure);
        median
    }

    /// Adds samples of Weft with what their median is expected to be; gives the median.
    pub fn judge(
        &mut self,
        case: &str,
        unit: &'static str,
        samples: &[f64],
        expected: &str,
        holds: impl Fn(f64) -> bool,
    ) -> f64 {
        let median = self.add(case, "weft", unit, samples);
        let holds = holds(median);
        if let Some(figure) = self.figures.last_mut() {
            figure.expected = Some(expected.to_owned());
            figure.holds = Some(holds);
        }
        self.expect(&format!("{case}: {expected}"), median, unit, holds);
        median
    }

    /// Adds what is expected of a value.
    pub fn expect(&mut self, what: &str, value: f64, unit: &'static str, holds: bool) {
        self.expectations.push(Expectation {
            what: what.to_owned(),
            value,
            unit,
            holds,
        });
    }

    /// Writes the figures as JSON. Those of other cases that the file has from earlier runs stay.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut all: Vec<Figure> = match std::fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let is_new = |case: &str| self.figures.iter().any(|figure| figure.case == case);
        all.retain(|figure| !is_new(&figure.case));
        all.extend(self.figures.iter().cloned());
        let text = serde_json::to_string_pretty(&all)? + "\n";
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The figures and the expectations as tables.
    pub fn tables(&self) -> String {
        let mut figures = table(&["case", "subject", "n", "min", "median", "max", "unit"]);
        for of in &self.figures {
            let number = |value: f64| short(value);
            figures.add_row([
                of.case.clone(),
                of.subject.clone(),
                of.n.to_string(),
                number(of.min),
                number(of.median),
                number(of.max),
                of.unit.clone(),
            ]);
        }
        let mut expected = table(&["expected", "is", ""]);
        for of in &self.expectations {
            let verdict = if of.holds { "pass" } else { "MISS" };
            let is = format!("{} {}", short(of.value), of.unit);
            expected.add_row([of.what.clone(), is, verdict.to_owned()]);
        }
        format!("{figures}\n\n{expected}")
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table
}

/// Three digits that count.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_least_the_middle_and_the_most() {
        let figure = Figure::of("c", "weft", "ms", &[3.0, 1.0, 10.0, 2.0]).unwrap();
        assert_eq!(
            (figure.min, figure.median, figure.max, figure.n),
            (1.0, 2.5, 10.0, 4)
        );
        assert_eq!(Figure::of("c", "weft", "ms", &[]), None);
    }

    #[test]
    fn figures_of_other_cases_stay_in_the_file_and_those_of_the_same_are_replaced() {
        let path = std::env::temp_dir().join(format!("weft-bench-{}.json", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let write = |case: &str, value: f64| {
            let mut report = Report::default();
            report.judge(case, "×", &[value], "at most 2", |value| value <= 2.0);
            report.write(&path).unwrap();
        };
        write("one", 1.0);
        write("two", 2.0);
        write("one", 3.0);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let figures: Vec<Figure> = serde_json::from_str(&text).unwrap();
        let found: Vec<_> = figures
            .iter()
            .map(|figure| (figure.case.as_str(), figure.median, figure.holds))
            .collect();
        assert_eq!(found, [("two", 2.0, Some(true)), ("one", 3.0, Some(false))]);
    }

    #[test]
    fn what_is_missed_is_called_a_miss() {
        let mut report = Report::default();
        report.expect("one", 1.0, "×", true);
        report.expect("two", 123.4, "ms", false);
        let text = report.tables();
        assert!(text.contains("pass") && text.contains("MISS") && text.contains("123 ms"));
    }
}
