//! (d) Masks and flows that many remote addresses make at one port with a hundred services, beside OVN: by rules for
//! any source, for a prefix, and for an address group that all of them are in.
//!
//! Counts do not vary, so each is run once. Every remote uses ten of the services, every service is used by a tenth
//! of the remotes: what makes a flow for each pair of them shows.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};

use super::number;
use crate::bench::processors::{Part, run_as};
use crate::bench::report::Report;
use crate::bench::subject::{Group, Masks, Ovn, SERVICES, Senders, Subject, Weft};
use crate::bench::traffic::{introduce, stream_with};
use crate::command;
use crate::demo::report::say;

/// Remote addresses: first few, then many.
const FEW: u32 = 1_000;
const MANY: u32 = 10_000;
/// Services that each uses.
const USED: u32 = 10;
/// Datagrams under way.
const WINDOW: u64 = 64;
/// Between two looks at the counters.
const CHUNK: u32 = 2_000;
/// Masks on a datapath, at most.
const MASKS: u32 = 64;

/// The most that a datapath had at a time.
#[derive(Clone, Copy, Debug, Default)]
struct Most {
    masks: u32,
    flows: u64,
}

/// Runs it once for each kind of rule.
pub fn run(report: &mut Report) -> Result<()> {
    command::run(&[
        "sysctl",
        "-q",
        "-w",
        "net.netfilter.nf_conntrack_max=2000000",
    ])?;
    let members: Vec<Ipv4Addr> = (0..MANY).map(remote).collect();
    for (name, group) in [
        ("any source", Group::AnySource),
        ("a prefix", Group::Prefix),
        ("a group of 10,000", Group::Members(members)),
    ] {
        run_as(Part::Subject)?;
        let mut weft = Weft::start_filtered(Masks::Wide, Senders::Many, &group)?;
        run_as(Part::Traffic)?;
        let [few, many] = measure(report, &mut weft, name)?;
        drop(weft);
        run_as(Part::Subject)?;
        let mut ovn = Ovn::start(Masks::Wide, Senders::Many, &group)?;
        run_as(Part::Traffic)?;
        measure(report, &mut ovn, name)?;
        report.judge(
            &format!("masks (d), {name}"),
            "masks",
            &[f64::from(many.masks)],
            "at most 64",
            |masks| masks <= f64::from(MASKS),
        );
        let (flows, more) = (number(many.flows), number(many.flows) - number(few.flows));
        match group {
            Group::Members(_) => report.judge(
                &format!("masks (d), {name}: flows a talking pair"),
                "flows",
                &[flows / f64::from(MANY)],
                "at most 1, but for some dozen",
                |each| each <= 1.01,
            ),
            _ => report.judge(
                &format!("masks (d), {name}: flows that ten times the remotes add"),
                "flows",
                &[more],
                "none, but for some dozen",
                |more| more <= 50.0,
            ),
        };
    }
    Ok(())
}

/// With few remotes, then with many.
fn measure(report: &mut Report, subject: &mut dyn Subject, group: &str) -> Result<[Most; 2]> {
    let mut found = [Most::default(); 2];
    for (remotes, most) in [FEW, MANY].into_iter().zip(&mut found) {
        subject.forget()?;
        introduce(subject.pair())?;
        *most = crowd(subject, remotes)?;
        subject.forget()?;
        let (name, case) = (subject.name(), format!("{remotes} remotes, {group}"));
        say(&format!("  {case}, {name}: {most:?}"));
        let masks = format!("masks, {case}");
        report.add(&masks, name, "masks", &[f64::from(most.masks)]);
        let flows = format!("flows, {case}");
        report.add(&flows, name, "flows", &[number(most.flows)]);
    }
    Ok(found)
}

/// Every remote sends to ten services.
fn crowd(subject: &mut dyn Subject, remotes: u32) -> Result<Most> {
    let mut most = Most::default();
    let mut sent = 0;
    while sent < remotes * USED {
        let count = CHUNK.min(remotes * USED - sent);
        let make = |datagram: &mut crate::bench::frames::Datagram, number: u64| {
            let nth = sent + u32::try_from(number).unwrap_or_default();
            datagram.aim(remote(nth / USED), service(nth), u64::from(nth));
        };
        let streamed = stream_with(subject.pair(), count.into(), WINDOW, make)?;
        ensure!(streamed.lost == 0, "{} lost datagrams", subject.name());
        let counts = subject.counts()?;
        most.masks = most.masks.max(counts.masks);
        most.flows = most.flows.max(counts.flows);
        sent += count;
    }
    Ok(most)
}

/// The n-th remote address, in 10.1.0.0/16.
pub(super) fn remote(n: u32) -> Ipv4Addr {
    let [_, _, high, low] = (n / 250 * 256 + n % 250 + 1).to_be_bytes();
    Ipv4Addr::new(10, 1, high, low)
}

fn service(nth: u32) -> u16 {
    let (remote, k) = (nth / USED, nth % USED);
    SERVICES.0 + u16::try_from((remote * 7 + k * USED) % 100).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_differ_and_every_service_is_used() {
        let remotes: std::collections::BTreeSet<_> = (0..MANY).map(remote).collect();
        assert_eq!(remotes.len(), MANY as usize);
        assert!(remotes.iter().all(|addr| addr.octets()[..2] == [10, 1]));
        let services: std::collections::BTreeSet<_> = (0..FEW * USED).map(service).collect();
        assert_eq!(
            (services.first(), services.last()),
            (Some(&SERVICES.0), Some(&SERVICES.1))
        );
        assert_eq!(services.len(), 100);
    }
}
