//! (e) From a change of a rule, or of one member of an address group of 5,000, to its effect on packets, while a
//! thousand connections are live; and how many flows are written for it. Beside OVN.
//!
//! The clock starts before the service is asked (OVN: its database, by a client that runs already), and stops with
//! the first packet that is treated otherwise.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use weft_vif_driver::agent::{Asked, ask};
use weft_wire::control::Verb;

use super::masks::remote;
use super::number;
use crate::bench::frames::{self, Datagram};
use crate::bench::pair::Pair;
use crate::bench::processors::{Part, run_as};
use crate::bench::report::Report;
use crate::bench::subject::{Group, MEMBERS, Masks, Ovn, SERVICES, Senders, Subject, Weft};
use crate::bench::traffic::{introduce, stream_with};
use crate::cloud;
use crate::demo::report::say;

/// Members of the group.
const MEMBERS_OF_GROUP: u32 = 5_000;
/// Members that talk.
const LIVE: u32 = 1_000;
/// Changes of each kind in one run.
const CHANGES: u32 = 3;
/// Nothing may take longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// A packet that has not come by then was dropped.
const DROPPED: Duration = Duration::from_millis(20);
/// So many in a row are no accident.
const IN_A_ROW: u32 = 5;
/// In milliseconds.
const QUICK: f64 = 50.0;
/// Writes beside those for the flows that a change of one member touches.
const BESIDE: f64 = 4.0;
/// No member.
const OTHER: Ipv4Addr = Ipv4Addr::new(10, 1, 200, 1);

/// What is changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    AddMember,
    RemoveMember,
    RemoveRule,
    AddRule,
}

/// In this order all is again as it was.
const ALL: [Change; 4] = [
    Change::AddMember,
    Change::RemoveMember,
    Change::RemoveRule,
    Change::AddRule,
];

/// One who can be told to change.
trait Changes: Subject {
    /// What asks for the change; its effect may come later.
    fn change(&self, change: Change) -> Result<Work>;
}

/// Asks for a change.
type Work = Box<dyn FnOnce() -> Result<()> + Send>;

/// Samples of one subject, by change.
#[derive(Debug, Default)]
struct Samples {
    delays: [Vec<f64>; 4],
    writes: [Vec<f64>; 4],
}

/// Runs all so many times, first Weft, then OVN.
pub fn run(report: &mut Report, runs: u32) -> Result<()> {
    let group = Group::Members((0..MEMBERS_OF_GROUP).map(remote).collect());
    run_as(Part::Subject)?;
    let mut weft = Weft::start_filtered(Masks::Wide, Senders::Many, &group)?;
    let mut ovn = Ovn::start(Masks::Wide, Senders::Many, &group)?;
    run_as(Part::Traffic)?;
    let (mut of_weft, mut of_ovn) = (Samples::default(), Samples::default());
    for run in 0..=runs {
        let mut both = (Samples::default(), Samples::default());
        for _ in 0..CHANGES {
            for change in ALL {
                let writes = writes(&weft)?;
                once(&mut weft, change, &mut both.0)?;
                weft.site.sync()?;
                let written = self::writes(&weft)? - writes;
                both.0.writes[change as usize].push(number(written));
                once(&mut ovn, change, &mut both.1)?;
                ovn.sync()?;
            }
        }
        weft.forget()?;
        ovn.forget()?;
        if run > 0 {
            of_weft.add(both.0);
            of_ovn.add(both.1);
        }
    }
    judge(report, &of_weft, &of_ovn);
    Ok(())
}

fn judge(report: &mut Report, weft: &Samples, ovn: &Samples) {
    for change in ALL {
        let (name, at) = (change.words(), change as usize);
        report.add(
            &format!("{name}, to its effect"),
            "ovn",
            "ms",
            &ovn.delays[at],
        );
        report.judge(
            &format!("change (e): {name}, to its effect"),
            "ms",
            &weft.delays[at],
            "under 50",
            |ms| ms < QUICK,
        );
        let most = match change {
            Change::AddMember | Change::RemoveMember => 1.0,
            Change::RemoveRule | Change::AddRule => f64::from(LIVE),
        };
        report.judge(
            &format!("change (e): {name}, flows written"),
            "writes",
            &weft.writes[at],
            &format!("at most {} (it touches {most})", most + BESIDE),
            |writes| writes <= most + BESIDE,
        );
    }
}

/// Makes a change and measures it.
fn once(subject: &mut dyn Changes, change: Change, samples: &mut Samples) -> Result<()> {
    introduce(subject.pair())?;
    let talks = |datagram: &mut Datagram, number: u64| {
        datagram.aim(
            remote(u32::try_from(number).unwrap_or_default()),
            SERVICES.0,
            number,
        );
    };
    // Those live through the change; with the rule away they are dropped.
    if change != Change::AddRule {
        let streamed = stream_with(subject.pair(), LIVE.into(), 64, talks)?;
        ensure!(streamed.lost == 0, "{} lost datagrams", subject.name());
    }
    let source = match change {
        Change::AddMember | Change::RemoveMember => OTHER,
        Change::RemoveRule | Change::AddRule => remote(7),
    };
    let name = subject.name();
    let work = subject.change(change)?;
    let took = effect(subject.pair(), source, change.opens(), work)?.as_secs_f64() * 1e3;
    say(&format!("  {:12} {name:5} {took:6.1} ms", change.words()));
    samples.delays[change as usize].push(took);
    Ok(())
}

/// From the beginning of the work to the first packet that passes, or to the first that does not any more.
fn effect(pair: &mut Pair, source: Ipv4Addr, opens: bool, work: Work) -> Result<Duration> {
    let mut probe = Probe::new(pair, source);
    for _ in 0..IN_A_ROW {
        ensure!(
            probe.passes()?.is_some() != opens,
            "packets are treated so already"
        );
    }
    std::thread::scope(|scope| {
        let began = Instant::now();
        let worker = scope.spawn(work);
        let (mut first, mut row) = (None, 0);
        while row < IN_A_ROW {
            ensure!(began.elapsed() < PATIENCE, "the change has no effect");
            let sent = Instant::now();
            let came = probe.passes()?;
            if came.is_some() != opens {
                (first, row) = (None, 0);
                continue;
            }
            // One that passes shows it when it is there, one that is dropped when it was sent.
            first.get_or_insert(came.unwrap_or(sent));
            row += 1;
        }
        worker
            .join()
            .map_err(|_| anyhow::anyhow!("a thread panicked"))??;
        first.map(|first| first - began).context("no packet")
    })
}

/// Datagrams from one address, one at a time.
struct Probe<'a> {
    pair: &'a mut Pair,
    datagram: Datagram,
    source: Ipv4Addr,
    sent: u64,
}

impl<'a> Probe<'a> {
    fn new(pair: &'a mut Pair, source: Ipv4Addr) -> Self {
        pair.to.drain();
        let datagram = Datagram::new(pair.from.mac, pair.to.mac);
        Self {
            pair,
            datagram,
            source,
            sent: 1 << 32,
        }
    }

    /// Sends one; when it arrived, if it did.
    fn passes(&mut self) -> Result<Option<Instant>> {
        self.sent += 1;
        self.datagram.aim(self.source, SERVICES.0, self.sent);
        self.pair.from.send_raw(self.datagram.bytes())?;
        let is_it = |frame: &[u8]| frames::number(frame) == Some(self.sent);
        let came = self.pair.to.sees(DROPPED, is_it);
        Ok(came.then(Instant::now))
    }
}

/// Writes to the kernel's flow table so far.
fn writes(weft: &Weft) -> Result<u64> {
    let answer = match ask(&weft.site.socket(), Verb::Status, PATIENCE)? {
        Asked::Answered(answer) => answer.result,
        other => bail!("the agent does not tell its counters: {other:?}"),
    };
    let count = |name: &str| {
        answer["counters"][name]
            .as_u64()
            .with_context(|| format!("no counter {name}"))
    };
    let names = ["netlink_puts", "netlink_set_actions", "netlink_deletes"];
    names.iter().map(|name| count(name)).sum()
}

impl Changes for Weft {
    fn change(&self, change: Change) -> Result<Work> {
        let members = format!("/ip_addr_groups/{}/ip_addrs", Weft::MEMBERS);
        let rest = self.site.rest.clone();
        let chain = self.ingress.clone().context("no chain")?;
        Ok(match change {
            Change::AddMember => {
                let body = json!({ "addr": OTHER });
                Box::new(move || rest.create(&members, &body).map(drop))
            }
            Change::RemoveMember => Box::new(move || rest.delete(&format!("{members}/{OTHER}"))),
            Change::RemoveRule => {
                let rules = rest.get(&format!("/chains/{chain}/rules"))?;
                let mut rules = rules.as_array().into_iter().flatten();
                let rule = rules.find(|rule| rule["ipAddrGroupSrc"].is_string());
                let rule = cloud::id_of(rule.context("no rule names the group")?)?;
                Box::new(move || rest.delete(&format!("/rules/{rule}")))
            }
            Change::AddRule => {
                let group = Group::Members(Vec::new());
                let rule = group.as_rule(Some(&Weft::MEMBERS.to_string()));
                Box::new(move || cloud::rule(&rest, &chain, 3, &rule).map(drop))
            }
        })
    }
}

impl Changes for Ovn {
    fn change(&self, change: Change) -> Result<Work> {
        let group = Group::Members(Vec::new()).as_ovn_match(MEMBERS);
        let other = format!("\"{OTHER}\"");
        let client = self.client();
        let words = match change {
            Change::AddMember => vec!["add", "address_set", MEMBERS, "addresses", &other],
            Change::RemoveMember => vec!["remove", "address_set", MEMBERS, "addresses", &other],
            Change::RemoveRule => vec!["acl-del", "pg0", "to-lport", "1002", &group],
            Change::AddRule => {
                vec![
                    "acl-add",
                    "pg0",
                    "to-lport",
                    "1002",
                    &group,
                    "allow-related",
                ]
            }
        };
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        Ok(Box::new(move || {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            client.change(&words).map(drop)
        }))
    }
}

impl Change {
    /// Whether packets pass that did not.
    const fn opens(self) -> bool {
        matches!(self, Change::AddMember | Change::AddRule)
    }

    const fn words(self) -> &'static str {
        match self {
            Change::AddMember => "a member more",
            Change::RemoveMember => "a member less",
            Change::RemoveRule => "a rule less",
            Change::AddRule => "a rule more",
        }
    }
}

impl Samples {
    fn add(&mut self, other: Samples) {
        for (own, other) in self.delays.iter_mut().zip(other.delays) {
            own.extend(other);
        }
        for (own, other) in self.writes.iter_mut().zip(other.writes) {
            own.extend(other);
        }
    }
}
