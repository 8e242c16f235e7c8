//! (a) How many new flows a second, and (b) how long the first packet of one takes: every datagram is of a
//! connection of its own, and every flow is exact, so each needs an upcall.

use anyhow::{Result, ensure};

use super::{middle, ratios};
use crate::bench::processors::{Part, run_as};
use crate::bench::report::Report;
use crate::bench::subject::{Bound, Masks, Ovs, Program, Subject, Weft};
use crate::bench::traffic::{Connections, introduce, one_by_one, stream};
use crate::demo::report::say;

/// Datagrams of a stream.
const STREAM: u32 = 10_000;
/// Datagrams one at a time.
const SINGLE: u32 = 300;
/// Datagrams under way in a stream.
const WINDOW: u64 = 64;

/// Samples of one subject.
#[derive(Debug, Default)]
struct Samples {
    rates: Vec<f64>,
    delays: Vec<f64>,
}

/// Runs both questions so many times, the subjects in turn; or one of them alone.
pub fn run(report: &mut Report, runs: u32, only: Option<&str>) -> Result<()> {
    let is_wanted = |name: &str| only.is_none_or(|only| only == name);
    let mut subjects: Vec<Box<dyn Subject>> = Vec::new();
    run_as(Part::Subject)?;
    if is_wanted("bound") {
        subjects.push(Box::new(Bound::start(Program::Bare)?));
    }
    if is_wanted("weft") {
        subjects.push(Box::new(Weft::start(Masks::Exact)?));
    }
    if is_wanted("ovs") {
        subjects.push(Box::new(Ovs::start(Masks::Exact)?));
    }
    ensure!(!subjects.is_empty(), "the subjects are bound, weft and ovs");
    run_as(Part::Traffic)?;
    let mut samples: Vec<Samples> = subjects.iter().map(|_| Samples::default()).collect();
    // No connection is ever used twice.
    let mut next = 0;
    let mut take = |count: u32| {
        let base = next;
        next += count;
        Connections::From(base)
    };
    for run in 0..=runs {
        for (subject, samples) in subjects.iter_mut().zip(&mut samples) {
            subject.forget()?;
            introduce(subject.pair())?;
            let alone = one_by_one(subject.pair(), take(SINGLE), SINGLE.into())?;
            let streamed = stream(subject.pair(), take(STREAM), STREAM.into(), WINDOW)?;
            // Nobody tidies up while another one's turn is.
            subject.forget()?;
            let (rate, delay) = (streamed.rate(), middle(alone));
            say(&format!(
                "  run {run} {:6} {rate:8.0} new flows/s, {} lost; alone {delay:6.0} µs",
                subject.name(),
                streamed.lost
            ));
            // The first run only warms the caches of the machine and of the emulator.
            if run > 0 {
                ensure!(streamed.lost == 0, "{} lost datagrams", subject.name());
                samples.rates.push(rate);
                samples.delays.push(delay);
            }
        }
    }
    for (subject, samples) in subjects.iter().zip(&samples) {
        report.add("new flows", subject.name(), "1/s", &samples.rates);
        report.add("first packet", subject.name(), "µs", &samples.delays);
    }
    if let [bound, weft, ovs] = samples.as_slice() {
        judge(report, bound, weft, ovs);
    }
    Ok(())
}

fn judge(report: &mut Report, bound: &Samples, weft: &Samples, ovs: &Samples) {
    let mut against =
        |case: &str, one: &[f64], other: &[f64]| report.add(case, "weft", "×", &ratios(one, other));
    let of_bound = against("new flows / bound", &weft.rates, &bound.rates);
    let of_ovs = against("new flows / ovs", &weft.rates, &ovs.rates);
    let delay = against("first packet / bound", &weft.delays, &bound.delays);
    report.expect(
        "(a) new flows: at least 0.70 of the bound",
        of_bound,
        "×",
        of_bound >= 0.7,
    );
    report.expect(
        "(a) new flows: above ovs-vswitchd",
        of_ovs,
        "×",
        of_ovs > 1.0,
    );
    report.expect(
        "(b) first packet: at most 1.3 of the bound",
        delay,
        "×",
        delay <= 1.3,
    );
}
