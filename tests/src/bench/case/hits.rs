//! (e) How many packets a second meet a flow: Weft's flows beside the same ones put by hand. Nothing may be lost
//! to the shape that the agent gives to its flows or to how it keeps them.

use anyhow::{Result, ensure};
use weft_ovs::{KernelDatapath, OpenMode};

use crate::bench::processors::{Part, run_as};
use crate::bench::report::Report;
use crate::bench::subject::{Hand, Masks, Subject, Weft};
use crate::bench::traffic::{Connections, introduce, stream};
use crate::demo::report::say;
use crate::site::DATAPATH;

/// Datagrams of a stream, all of one connection.
const STREAM: u64 = 50_000;
/// Datagrams under way.
const WINDOW: u64 = 64;
/// The part of the by-hand rate below which something is lost: what is left is noise.
const ENOUGH: f64 = 0.95;

/// Runs it so many times, the two in turn.
pub fn run(report: &mut Report, runs: u32) -> Result<()> {
    run_as(Part::Subject)?;
    let mut weft = Weft::start(Masks::Wide)?;
    let mut hand = Hand::start()?;
    run_as(Part::Traffic)?;
    let (mut weft_rates, mut hand_rates) = (Vec::new(), Vec::new());
    for run in 0..=runs {
        introduce(weft.pair())?;
        // The stream's own flow has to be there to be copied: by hand nobody answers an upcall.
        stream(weft.pair(), Connections::One(7), WINDOW, WINDOW)?;
        let mut datapath = KernelDatapath::open(DATAPATH, OpenMode::Adopt)?;
        hand.forget()?;
        let copied = hand.copy(&mut datapath)?;
        ensure!(copied >= 2, "{copied} flows are not those of two machines");
        let mut rates = [0.0; 2];
        let subjects: [&mut dyn Subject; 2] = [&mut weft, &mut hand];
        for (subject, rate) in subjects.into_iter().zip(&mut rates) {
            let streamed = stream(subject.pair(), Connections::One(7), STREAM, WINDOW)?;
            ensure!(streamed.lost == 0, "{} lost datagrams", subject.name());
            *rate = streamed.rate();
            say(&format!(
                "  run {run} {:6} {rate:8.0} packets/s",
                subject.name()
            ));
        }
        if run > 0 {
            weft_rates.push(rates[0]);
            hand_rates.push(rates[1]);
        }
    }
    report.add("flow hits", "weft", "1/s", &weft_rates);
    report.add("flow hits", "bound", "1/s", &hand_rates);
    let ratios: Vec<f64> = weft_rates
        .iter()
        .zip(&hand_rates)
        .map(|(weft, hand)| weft / hand)
        .collect();
    let ratio = report.add("flow hits / bound", "weft", "×", &ratios);
    report.expect(
        "(e) flow hits: at least 0.95 of the same flows by hand",
        ratio,
        "×",
        ratio >= ENOUGH,
    );
    Ok(())
}
