//! How long after the agent's start, when it was killed with 100 ports and 10,000 flows, the first new flow is served;
//! and whether packets of flows that were there got lost meanwhile.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::number;
use crate::bench::frames::{self, Datagram};
use crate::bench::pair::Pair;
use crate::bench::processors::{Part, run_as};
use crate::bench::report::Report;
use crate::bench::subject::{Group, Masks, Senders, Subject, Weft};
use crate::bench::traffic::{Connections, introduce, stream};
use crate::command;
use crate::crowd::plug_all;
use crate::demo::report::say;

/// Ports of the host; two of them talk.
const PORTS: usize = 100;
/// Connections, each of two flows.
const CONNECTIONS: u32 = 5_000;
/// Datagrams under way.
const WINDOW: u64 = 64;
/// Between two datagrams of either kind.
const PACE: Duration = Duration::from_millis(1);
/// Nothing may take longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Datagrams of the established connection have numbers from here on.
const ESTABLISHED: u64 = 1 << 40;
/// In milliseconds.
const QUICK: f64 = 100.0;

/// Runs it so many times.
pub fn run(report: &mut Report, runs: u32) -> Result<()> {
    command::run(&[
        "sysctl",
        "-q",
        "-w",
        "net.netfilter.nf_conntrack_max=2000000",
    ])?;
    run_as(Part::Subject)?;
    let mut weft = Weft::start_filtered(Masks::Exact, Senders::Secured, &Group::Open)?;
    plug_all(&weft.site, &weft.network, 2..PORTS)?;
    weft.site.sync()?;
    let (mut served, mut own, mut lost, mut starts) = (vec![], vec![], vec![], vec![]);
    let mut base = 0;
    for run in 0..=runs {
        let began = Instant::now();
        command::run(&["weft-agent", "--version"])?;
        let start = began.elapsed().as_secs_f64() * 1e3;
        run_as(Part::Traffic)?;
        introduce(weft.pair())?;
        let of = Connections::From(base);
        let streamed = stream(weft.pair(), of, CONNECTIONS.into(), WINDOW)?;
        ensure!(streamed.lost == 0, "datagrams were lost before the restart");
        let flows = weft.counts()?.flows;
        ensure!(
            flows >= 2 * u64::from(CONNECTIONS),
            "there are only {flows} flows"
        );
        weft.site.agent.kill();
        run_as(Part::Subject)?;
        let began = Instant::now();
        weft.site.agent.start_again()?;
        run_as(Part::Traffic)?;
        let mut watch = Watch::new(weft.pair(), base);
        let first = watch.first_new(began)?.as_secs_f64() * 1e3;
        let gone = watch.finish()?;
        let next = watch.next;
        base = next;
        weft.site.agent_is_ready()?;
        weft.site.sync()?;
        say(&format!(
            "  run {run} with {flows} flows: {first:.0} ms to the first new flow, {start:.0} ms of them a program's start; {gone} lost"
        ));
        weft.forget()?;
        if run > 0 {
            served.push(first);
            own.push((first - start).max(0.0));
            lost.push(number(gone));
            starts.push(start);
        }
    }
    report.add(
        "restart, 100 ports, 10,000 flows: start of a program",
        "weft",
        "ms",
        &starts,
    );
    let mut quick = |case: &str, samples: &[f64]| {
        report.judge(case, "ms", samples, "under 100", |ms| ms < QUICK);
    };
    quick("restart: from exec to the first new flow served", &served);
    quick("restart: the same, without the start of a program", &own);
    report.judge(
        "restart: packets lost of flows that were there",
        "packets",
        &lost,
        "none",
        |lost| lost == 0.0,
    );
    Ok(())
}

/// Sends, in turn, a datagram of a connection that has flows and one that begins a connection.
struct Watch<'a> {
    pair: &'a mut Pair,
    datagram: Datagram,
    established: u32,
    next: u32,
    sent: u64,
    came: u64,
}

impl<'a> Watch<'a> {
    fn new(pair: &'a mut Pair, base: u32) -> Self {
        pair.to.drain();
        let datagram = Datagram::new(pair.from.mac, pair.to.mac);
        Self {
            pair,
            datagram,
            established: base,
            next: base + CONNECTIONS,
            sent: 0,
            came: 0,
        }
    }

    /// How long after `began` the first datagram arrived that began a connection.
    fn first_new(&mut self, began: Instant) -> Result<Duration> {
        loop {
            self.send_old()?;
            self.datagram.set(self.next, self.next.into());
            self.pair.from.send_raw(self.datagram.bytes())?;
            self.next += 1;
            if self.takes_new(PACE) {
                return Ok(began.elapsed());
            }
            ensure!(began.elapsed() < PATIENCE, "no new flow is served");
        }
    }

    fn send_old(&mut self) -> Result<()> {
        self.datagram.set(self.established, ESTABLISHED + self.sent);
        self.sent += 1;
        self.pair
            .from
            .send_raw(self.datagram.bytes())
            .context("send")
    }

    /// Takes what arrives for a while, or until a new connection's arrives.
    fn takes_new(&mut self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let frame = self
                .pair
                .to
                .receive_where(left, |frame| frames::number(frame).is_some());
            match frame.as_deref().and_then(frames::number) {
                Some(number) if number >= ESTABLISHED => self.came += 1,
                Some(_) => return true,
                None => return false,
            }
        }
        false
    }

    /// Goes on while the agent takes over what was there; how many did not arrive.
    fn finish(&mut self) -> Result<u64> {
        let end = Instant::now() + Duration::from_secs(3);
        while Instant::now() < end {
            self.send_old()?;
            self.takes_new(PACE);
        }
        // The last ones are under way; of those that begin connections, some come late.
        while self.takes_new(Duration::from_millis(200)) {}
        Ok(self.sent - self.came)
    }
}
