//! What a fuzzer feeds: any bytes, as a world's seed with frames, and as a frame in a world that has every service.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use weft_evaluator::{Arrival, Connection, World};
use weft_flow::Field;
use weft_topology::chain::{Chain, Condition, Rule, RuleAction};
use weft_topology::id::{ChainId, RuleId};
use weft_topology::{Object, Snapshot};

use super::against_evaluator::compare;
use super::extract::extract;
use super::masks::{Vary, holds_under_the_mask};
use super::net::{arp_entry, mac_entry, office, port_id, snapshot, station};
use super::random::{any_world, config};
use super::random_frames::any_arrival;
use super::run::key_of_some_pass;
use crate::stages::STAGES;

/// Frames of one world.
const FRAMES: usize = 4;

/// Takes the bytes for the seed of a topology with what was learned, and frames with their ports and what connection
/// tracking knows of them, each behind its length.
///
/// The topology is drawn from a seed and not from the bytes themselves: where these end they would be zeroes for ever, which
/// some distributions reject for ever.
///
/// # Panics
///
/// If the simulation and the reference evaluator disagree, or if a packet under a flow's mask meets another verdict
/// than the one that the flow was made for.
pub fn simulate(bytes: &[u8]) {
    let Some((seed, mut rest)) = bytes.split_first_chunk::<16>() else {
        return;
    };
    let mut runner = TestRunner::new_with_rng(config(1), rng(*seed));
    let Ok(world) = any_world().new_tree(&mut runner) else {
        return;
    };
    let mut arrivals = Vec::new();
    while arrivals.len() < FRAMES
        && let Some((&length, more)) = rest.split_first()
    {
        let (one, more) = more.split_at(more.len().min(length.into()));
        arrivals.extend(arrival(one));
        rest = more;
    }
    let drawn = any_arrival().new_tree(&mut runner);
    arrivals.extend(drawn.map(|tree| tree.current()));
    hold(world.current(), &arrivals, &mut Vary(rng(*seed)));
}

/// Takes the bytes for a port, what connection tracking knows, and a frame.
///
/// # Panics
///
/// As [`simulate`] does.
pub fn serve(bytes: &[u8]) {
    let arrivals: Vec<_> = arrival(bytes).into_iter().collect();
    hold(full_office(), &arrivals, &mut Vary(rng([7; 16])));
}

fn rng(mut seed: [u8; 16]) -> TestRng {
    // Its state must not be 0.
    seed[0] |= 1;
    TestRng::from_seed(RngAlgorithm::XorShift, &seed)
}

fn arrival(bytes: &[u8]) -> Option<(u32, Vec<u8>, Arrival)> {
    let (&[port, known], frame) = bytes.split_first_chunk()?;
    let in_port = u32::from(port % 10);
    let whole = extract(frame, in_port).is_some_and(|key| key.get_or_zero(Field::IpFrag) == 0);
    let known = Arrival {
        connection: match known & 3 {
            0 if known & 16 != 0 => Connection::Admitted,
            0 => Connection::Original,
            1 => Connection::Return,
            2 => Connection::ReturnCut,
            _ => Connection::Invalid,
        },
        is_entered: known & 8 != 0,
        came_in_fragments: whole && known & 4 != 0,
    };
    Some((in_port, frame.to_vec(), known))
}

fn hold(mut world: World, arrivals: &[(u32, Vec<u8>, Arrival)], vary: &mut Vary) {
    let snapshot = snapshot(&world);
    for (in_port, frame, known) in arrivals {
        masks(&world, &snapshot, (*in_port, frame, *known), vary);
    }
    for arrival in arrivals {
        world = agreed(world, &snapshot, arrival);
    }
}

fn masks(
    world: &World,
    snapshot: &Snapshot,
    (in_port, frame, known): (u32, &[u8], Arrival),
    vary: &mut Vary,
) {
    if let Some(key) = key_of_some_pass(snapshot, in_port, frame, known)
        && let Err(error) = holds_under_the_mask(world, snapshot, &key, vary)
    {
        panic!("{error}\n{world:#?}");
    }
}

fn agreed(world: World, snapshot: &Snapshot, arrival: &(u32, Vec<u8>, Arrival)) -> World {
    compare(STAGES, world, snapshot, arrival).unwrap_or_else(|error| panic!("{error}"))
}

/// The office, with an address that the bridge answers for, and a port (3) to which all is rejected.
fn full_office() -> World {
    let mut world = office();
    let (chain, rule) = (
        ChainId(uuid::Uuid::from_u128(0xc000)),
        RuleId(uuid::Uuid::from_u128(0xd000)),
    );
    let rejects = Rule {
        id: rule,
        chain,
        condition: Condition::default(),
        action: RuleAction::Reject,
        log: None,
    };
    let chain_object = Chain {
        id: chain,
        tenant_id: None,
        name: String::new(),
        rules: vec![rule],
    };
    world.objects.push(rejects.into());
    world.objects.push(chain_object.into());
    world.objects.push(mac_entry(0, 0, station(3), 3).into());
    world
        .objects
        .push(arp_entry(0, super::net::addr(4), station(4)).into());
    for object in &mut world.objects {
        if let Object::Port(port) = object
            && port.id == port_id(3)
        {
            std::sync::Arc::make_mut(port).outbound_filter = Some(chain);
        }
    }
    world
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_world_kept_is_judged_as_the_reference_judges_it() {
        weft_replay::replay("simulate", super::simulate);
    }

    #[test]
    fn every_frame_kept_is_served_as_the_reference_serves_it() {
        weft_replay::replay("serve", super::serve);
    }
}
