//! The simulation held against the reference evaluator, frame by frame: what leaves, what is answered,
//! what a local service takes, what is learned, which entries were used, and why.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use weft_evaluator::{Arrival, Offence, Punt, Verdict, World};
use weft_topology::id::{BridgeId, PortId};
use weft_topology::{MacAddr, Snapshot, Tag};

use super::net::snapshot;
use super::random::{NOW, any_world, cases, config};
use super::random_frames::any_arrival;
use super::run::{Seen, commits, logged, send_through};
use crate::stages::{STAGES, Stage};
use crate::{Effect, Logged, Reason, Said, Violation};

const FRAMES: u32 = 50;
/// How many scenes an order of stages may survive before it passes for right.
const SCENES: u32 = 2000;

proptest! {
    #![proptest_config(config(cases(100_000) / FRAMES))]

    #[test]
    fn the_simulation_agrees_with_the_reference_evaluator(
        world in any_world(),
        arrivals in vec(any_arrival(), FRAMES as usize),
    ) {
        let mut world = world;
        let snapshot = snapshot(&world);
        for arrival in &arrivals {
            world = compare(STAGES, world, &snapshot, arrival).map_err(TestCaseError::fail)?;
        }
    }
}

/// What each exchange of neighbouring stages would change, so that the order in `stages.rs` is not
/// a matter of taste. The last stage always decides: exchanged with flooding, it is as good as gone.
#[test]
fn every_exchange_of_neighbouring_stages_is_caught() {
    let mut orders: Vec<(String, Vec<Stage>)> = (1..STAGES.len())
        .map(|at| {
            let mut order = STAGES.to_vec();
            order.swap(at - 1, at);
            (format!("stages {} and {at} exchanged", at - 1), order)
        })
        .collect();
    let last = STAGES.len() - 1;
    orders.push((
        format!("stage {last} and flooding exchanged"),
        STAGES[..last].to_vec(),
    ));
    for (what, order) in orders {
        assert!(is_caught(&order), "{what}: not caught");
    }
    assert!(!is_caught(STAGES), "the order as it is");
}

/// Whether some random frame tells an order of stages from the reference.
fn is_caught(order: &[Stage]) -> bool {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let scene = (any_world(), vec(any_arrival(), FRAMES as usize));
    (0..SCENES).any(|_| {
        let (mut world, arrivals) = scene.new_tree(&mut runner).unwrap().current();
        let snapshot = snapshot(&world);
        arrivals.iter().any(
            |arrival| match compare(order, world.clone(), &snapshot, arrival) {
                Ok(after) => {
                    world = after;
                    false
                }
                Err(_) => true,
            },
        )
    })
}

/// Sends a frame through both. Returns the world after it.
pub(super) fn compare(
    stages: &[Stage],
    before: World,
    snapshot: &Snapshot,
    (in_port, frame, known): &(u32, Vec<u8>, Arrival),
) -> Result<World, String> {
    let (in_port, known) = (*in_port, *known);
    let mut after = before.clone();
    let verdict = after.enter_as(NOW, in_port, frame, known);
    let seen = send_through(stages, &before, snapshot, (in_port, frame, known), NOW);
    let differs = |what: &str| {
        format!(
            "{what}:\n{seen:#?}\n{verdict:#?}\nport {in_port}, {known:?}, frame {frame:02x?}\n{before:#?}"
        )
    };
    let Some(seen) = &seen else {
        let nothing = verdict.outputs.is_empty() && verdict.answer.is_none();
        return if nothing && verdict.punt.is_none() {
            Ok(after)
        } else {
            Err(differs("the kernel drops it unseen"))
        };
    };
    let checks = [
        ("reason", is_reason(seen.reason(), &verdict)),
        ("outputs", seen.outputs == verdict.outputs),
        ("answer", is_answer(seen, &verdict, in_port, frame)),
        ("logged", is_logged(seen, &verdict)),
        ("commits", is_entered(seen, &verdict, snapshot)),
        ("learned", places(&after) == taught(&before, seen)),
        ("used", uses_are_tagged(&before, &after, seen)),
        ("drop", seen.reason().is_drop() == is_drop(&verdict)),
    ];
    match checks.iter().find(|(_, holds)| !holds) {
        Some((what, _)) => Err(differs(what)),
        None => Ok(after),
    }
}

fn is_reason(reason: Reason, verdict: &Verdict) -> bool {
    use weft_evaluator::Reason as Rule;
    let dhcp = |host| matches!(verdict.punt, Some(Punt::Dhcp { host: other, .. }) if other == host);
    match verdict.reason {
        Rule::NoSuchPort => matches!(reason, Reason::NoSuchPort(_)),
        Rule::NotABridgePort => matches!(reason, Reason::NotABridgePort(_)),
        Rule::PortDown => matches!(reason, Reason::PortDown(_)),
        Rule::NoSuchBridge => matches!(reason, Reason::NoSuchBridge(_)),
        Rule::BridgeDown => matches!(reason, Reason::BridgeDown(_)),
        Rule::TooShort => false,
        Rule::SourceIsGroup => matches!(reason, Reason::SourceIsGroup(_)),
        Rule::LinkLocalControl => matches!(reason, Reason::LinkLocalControl(_)),
        Rule::Tagged => matches!(reason, Reason::Tagged(_)),
        Rule::BadTag => matches!(reason, Reason::BadTag(_)),
        Rule::Security(offence) => {
            matches!(reason, Reason::Security(_, violation) if is_violation(violation, offence))
        }
        Rule::PutTogether => matches!(reason, Reason::Tracked(_)),
        Rule::InvalidConnection => matches!(reason, Reason::InvalidConnection(_)),
        Rule::Cut => matches!(reason, Reason::Cut(_)),
        Rule::Filtered(rule) => reason == Reason::Filtered(rule),
        Rule::Rejected(rule) => reason == Reason::Rejected(rule),
        Rule::FilteredEverywhere => matches!(reason, Reason::FilteredEverywhere(_)),
        Rule::NoSuchChain => matches!(reason, Reason::NoSuchChain(_)),
        Rule::ChainTooLong => matches!(reason, Reason::ChainTooLong(_)),
        Rule::Dhcp => {
            matches!(reason, Reason::Dhcp(host) | Reason::DhcpUnanswered(host) if dhcp(host))
        }
        Rule::ArpAnswered => matches!(reason, Reason::Arp(..)),
        Rule::FloodGroup if verdict.outputs.is_empty() => matches!(reason, Reason::NobodyElse(_)),
        Rule::FloodGroup => matches!(reason, Reason::FloodGroup(_)),
        Rule::ForServer => matches!(reason, Reason::ForServer(_)),
        Rule::Hairpin => matches!(reason, Reason::Hairpin(_)),
        Rule::NotHere => matches!(reason, Reason::NotHere(_)),
        Rule::EgressDown => matches!(reason, Reason::EgressDown(_)),
        Rule::Unicast => matches!(reason, Reason::Unicast(_)),
        Rule::FloodUnknown if verdict.outputs.is_empty() => matches!(reason, Reason::NobodyElse(_)),
        Rule::FloodUnknown => matches!(reason, Reason::FloodUnknown(_)),
    }
}

fn is_logged(seen: &Seen, verdict: &Verdict) -> bool {
    use weft_evaluator::Said as Wanted;
    let wanted = verdict.logged.iter().map(|&(rule, said)| Logged {
        rule,
        said: match said {
            Wanted::Accept => Said::Accept,
            Wanted::Drop => Said::Drop,
            Wanted::Reject => Said::Reject,
        },
    });
    logged(seen).into_iter().eq(wanted)
}

fn is_entered(seen: &Seen, verdict: &Verdict, snapshot: &Snapshot) -> bool {
    let zones = verdict
        .commits
        .iter()
        .filter_map(|&port| snapshot.local_by_port(port).map(|local| local.zone()));
    commits(seen.last()) == zones.collect()
}

fn is_drop(verdict: &Verdict) -> bool {
    verdict.outputs.is_empty()
        && verdict.answer.is_none()
        && verdict.punt.is_none()
        && verdict.reason != weft_evaluator::Reason::PutTogether
}

fn is_violation(violation: Violation, offence: Offence) -> bool {
    match offence {
        Offence::Mac => violation == Violation::Mac,
        Offence::VlanStack => violation == Violation::VlanStack,
        Offence::EtherType => violation == Violation::EtherType,
        Offence::ArpSender => violation == Violation::ArpSender,
        Offence::Source => violation == Violation::Source,
        Offence::Neighbour => violation == Violation::Neighbour,
        Offence::DhcpServer => violation == Violation::DhcpServer,
        Offence::Router => violation == Violation::Router,
    }
}

/// What DHCP says is tested elsewhere; here, that it says it to the client.
fn is_answer(seen: &Seen, verdict: &Verdict, in_port: u32, frame: &[u8]) -> bool {
    if let (weft_evaluator::Reason::Rejected(_), Some((port, answer))) =
        (verdict.reason, &seen.answer)
    {
        return *port == in_port && answer[..6] == frame[6..12] && answer[6..12] == frame[..6];
    }
    match (&verdict.punt, &seen.answer) {
        (None, answer) => *answer == verdict.answer,
        (Some(Punt::Dhcp { .. }), None) => matches!(seen.reason(), Reason::DhcpUnanswered(_)),
        (Some(Punt::Dhcp { .. }), Some((port, answer))) => {
            let to = &answer[..6];
            *port == in_port && (to == [0xff; 6] || *to == frame[6..12])
        }
    }
}

type Places = BTreeMap<(BridgeId, u16, MacAddr), PortId>;

/// Where the live entries have stations.
fn places(world: &World) -> Places {
    let live = |used| NOW.saturating_sub(used) < world.ageing;
    let entries = world.learned.iter().filter(|entry| live(entry.used));
    entries
        .map(|entry| ((entry.bridge, entry.vlan, entry.mac), entry.port))
        .collect()
}

/// Where they have them after the effects of a verdict.
fn taught(before: &World, seen: &Seen) -> Places {
    let mut places = places(before);
    for effect in &seen.last().effects {
        if let Effect::Learn {
            bridge,
            vlan,
            mac,
            port,
        } = effect
        {
            places.insert((*bridge, *vlan, *mac), *port);
        }
    }
    places
}

/// An entry lives as long as flows with its tag are hit, so every use must have left the tag.
fn uses_are_tagged(before: &World, after: &World, seen: &Seen) -> bool {
    let used = after
        .learned
        .iter()
        .filter(|entry| !before.learned.contains(entry));
    used.map(|entry| Tag::Mac(entry.bridge, entry.vlan, entry.mac))
        .all(|tag| seen.last().tags.contains(&tag))
}
