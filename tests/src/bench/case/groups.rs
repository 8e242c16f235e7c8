//! Machines with port security in a stateful group, beside OVN: (a) a miss, warm, one packet at a time, (b) new
//! 5-tuples a second that all need an upcall, (c) new connections a second of which none does.
//!
//! The bound is held against as it is in `flows`: it puts one flow and sends the packet. What no program could do
//! without, two flows and the kernel's own work for a connection, is shown by a second bound.

use anyhow::{Result, ensure};

use super::{middle, number, ratios};
use crate::bench::processors::{Part, run_as};
use crate::bench::report::Report;
use crate::bench::subject::{Bound, Group, Masks, Ovn, Program, Senders, Subject, Weft};
use crate::bench::traffic::{Connections, introduce, one_by_one, stream};
use crate::command;
use crate::demo::report::say;

/// Datagrams of a stream that all come up.
const STREAM: u32 = 5_000;
/// Datagrams of a stream that meets flows.
const OPEN: u32 = 20_000;
/// Datagrams one at a time.
const SINGLE: u32 = 300;
/// Datagrams before those that are measured.
const WARM: u32 = 64;
/// Datagrams under way in a stream.
const WINDOW: u64 = 64;

/// What was measured of one subject, a value a turn.
#[derive(Debug, Default)]
struct Samples {
    delays: Vec<f64>,
    rates: Vec<f64>,
    /// Processor time of what answers, in microseconds a connection.
    costs: Vec<f64>,
    /// Upcalls a connection.
    upcalls: Vec<f64>,
    /// Times that the kernel looked a packet up in its flows.
    passes: Vec<f64>,
    /// Masks that it tried for that, a packet.
    masks: Vec<f64>,
}

/// No connection is ever used twice.
#[derive(Debug, Default)]
struct Numbers(u32);

impl Numbers {
    fn take(&mut self, count: u32) -> Connections {
        let base = self.0;
        self.0 += count;
        Connections::From(base)
    }
}

/// Runs all three so many times, the subjects in turn; or one of them alone.
pub fn run(report: &mut Report, runs: u32, only: Option<&str>) -> Result<()> {
    // Of one that is full, the kernel drops packets.
    command::run(&[
        "sysctl",
        "-q",
        "-w",
        "net.netfilter.nf_conntrack_max=2000000",
    ])?;
    let is_wanted = |name: &str| only.is_none_or(|only| only == name);
    for masks in [Masks::Exact, Masks::Wide] {
        run_as(Part::Subject)?;
        let mut subjects: Vec<Box<dyn Subject>> = Vec::new();
        if masks == Masks::Exact && is_wanted("bound") {
            subjects.push(Box::new(Bound::start(Program::Bare)?));
            subjects.push(Box::new(Bound::start(Program::Stateful)?));
        }
        if is_wanted("weft") {
            let weft = Weft::start_filtered(masks, Senders::Secured, &Group::Open)?;
            subjects.push(Box::new(weft));
        }
        if is_wanted("ovn") {
            subjects.push(Box::new(Ovn::start(masks, Senders::Secured, &Group::Open)?));
        }
        ensure!(!subjects.is_empty(), "the subjects are bound, weft and ovn");
        run_as(Part::Traffic)?;
        let mut samples: Vec<Samples> = subjects.iter().map(|_| Samples::default()).collect();
        let mut numbers = Numbers::default();
        for run in 0..=runs {
            for (subject, samples) in subjects.iter_mut().zip(&mut samples) {
                let mut one = Samples::default();
                turn(masks, subject.as_mut(), &mut numbers, &mut one)?;
                say(&format!(
                    "  run {run} {:15} {}",
                    subject.name(),
                    one.words()
                ));
                // The first run only warms the caches of the machine and of the emulator.
                if run > 0 {
                    samples.add(one);
                }
            }
        }
        let names = subjects.iter().map(|subject| subject.name());
        let all: Vec<(&str, Samples)> = names.zip(samples).collect();
        match masks {
            Masks::Exact => judge_misses(report, &all),
            Masks::Wide => judge_hits(report, &all),
        }
    }
    Ok(())
}

fn turn(
    masks: Masks,
    subject: &mut dyn Subject,
    numbers: &mut Numbers,
    samples: &mut Samples,
) -> Result<()> {
    subject.forget()?;
    introduce(subject.pair())?;
    stream(subject.pair(), numbers.take(WARM), WARM.into(), WINDOW)?;
    if masks == Masks::Exact {
        let alone = one_by_one(subject.pair(), numbers.take(SINGLE), SINGLE.into())?;
        samples.delays.push(middle(alone));
    }
    let count = match masks {
        Masks::Exact => STREAM,
        Masks::Wide => OPEN,
    };
    let (before, busy) = (subject.counts()?, subject.processor_time()?);
    let streamed = stream(subject.pair(), numbers.take(count), count.into(), WINDOW)?;
    let (after, busy) = (subject.counts()?, subject.processor_time()? - busy);
    // Nobody tidies up while another one's turn is.
    subject.forget()?;
    ensure!(
        streamed.lost == 0,
        "{} lost {} datagrams",
        subject.name(),
        streamed.lost
    );
    let each = |count: u64| number(count) / number(streamed.received);
    let upcalls = after.missed - before.missed;
    samples.rates.push(streamed.rate());
    samples
        .costs
        .push(busy.as_secs_f64() * 1e6 / number(streamed.received));
    samples.upcalls.push(each(upcalls));
    samples
        .passes
        .push(each(after.hits - before.hits + upcalls));
    samples.masks.push(each(after.mask_hits - before.mask_hits));
    Ok(())
}

fn judge_misses(report: &mut Report, all: &[(&str, Samples)]) {
    for (name, of) in all {
        report.add("group: a miss alone", name, "µs", &of.delays);
        report.add("group: new 5-tuples, each comes up", name, "1/s", &of.rates);
        let case = "group: processor time of what answers, a 5-tuple";
        report.add(case, name, "µs", &of.costs);
        report.add("group: upcalls, a 5-tuple", name, "upcalls", &of.upcalls);
    }
    let [(_, bare), (_, stateful), (_, weft), (_, ovn)] = all else {
        return;
    };
    let mut judge = |case: &str, ratios: &[f64], expected: &str, holds: fn(f64) -> bool| {
        report.judge(case, "×", ratios, expected, holds);
    };
    judge(
        "group (a): a miss / OVN's",
        &ratios(&weft.delays, &ovn.delays),
        "at most a third",
        |ratio| ratio <= 1.0 / 3.0,
    );
    judge(
        "group (a): a miss / the bound",
        &ratios(&weft.delays, &bare.delays),
        "at most 1.5",
        |ratio| ratio <= 1.5,
    );
    judge(
        "group (b): new 5-tuples / the bound",
        &ratios(&weft.rates, &bare.rates),
        "at least 0.7",
        |ratio| ratio >= 0.7,
    );
    let mut show = |case: &str, one: &[f64], other: &[f64]| {
        report.add(case, "weft", "×", &ratios(one, other));
    };
    show(
        "group: a miss / the stateful bound",
        &weft.delays,
        &stateful.delays,
    );
    show(
        "group: new 5-tuples / the stateful bound",
        &weft.rates,
        &stateful.rates,
    );
    show("group: new 5-tuples / OVN's", &weft.rates, &ovn.rates);
    show(
        "group: processor time / the stateful bound's",
        &weft.costs,
        &stateful.costs,
    );
    show("group: processor time / OVN's", &weft.costs, &ovn.costs);
}

fn judge_hits(report: &mut Report, all: &[(&str, Samples)]) {
    for (name, of) in all {
        report.add("open group: new connections", name, "1/s", &of.rates);
        report.add("open group: passes a packet", name, "passes", &of.passes);
        report.add("open group: masks tried a packet", name, "masks", &of.masks);
        report.add(
            "open group: upcalls a connection",
            name,
            "upcalls",
            &of.upcalls,
        );
    }
    let [(_, weft), (_, ovn)] = all else { return };
    report.judge(
        "group (c): new connections / OVN's",
        "×",
        &ratios(&weft.rates, &ovn.rates),
        "at least 1.3",
        |ratio| ratio >= 1.3,
    );
}

impl Samples {
    fn add(&mut self, other: Samples) {
        self.delays.extend(other.delays);
        self.rates.extend(other.rates);
        self.costs.extend(other.costs);
        self.upcalls.extend(other.upcalls);
        self.passes.extend(other.passes);
        self.masks.extend(other.masks);
    }

    fn words(&self) -> String {
        let last = |of: &[f64]| of.last().copied().unwrap_or(f64::NAN);
        format!(
            "alone {:6.0} µs, {:6.0}/s, {:5.1} µs of a processor, {:.2} upcalls, {:.2} passes, {:.1} masks each",
            last(&self.delays),
            last(&self.rates),
            last(&self.costs),
            last(&self.upcalls),
            last(&self.passes),
            last(&self.masks)
        )
    }
}
