//! What a fuzzer feeds: any bytes, as a world with frames, and as a frame in a world that has every service.

use proptest::prelude::Rng as _;
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
/// More bytes than the choices for a world and its frames take.
const MORE: usize = 1 << 18;

/// Takes the bytes for the choices that make a topology, the tables that were learned, frames and what connection
/// tracking knows of them.
///
/// # Panics
///
/// If the simulation and the reference evaluator disagree, or if a packet under a flow's mask meets another verdict
/// than the one that the flow was made for.
pub fn simulate(bytes: &[u8]) {
    let rng = |bytes| TestRng::from_seed(RngAlgorithm::PassThrough, &lengthened(bytes));
    let (choices, others) = bytes.split_at(bytes.len() - bytes.len() / 8);
    let mut runner = TestRunner::new_with_rng(config(1), rng(choices));
    let draw = |runner: &mut TestRunner| Some(any_arrival().new_tree(runner).ok()?.current());
    let Ok(world) = any_world().new_tree(&mut runner) else {
        return;
    };
    let world = world.current();
    let arrivals: Vec<_> = (0..FRAMES).filter_map(|_| draw(&mut runner)).collect();
    let snapshot = snapshot(&world);
    let mut vary = Vary(rng(others));
    for (in_port, frame, known) in &arrivals {
        masks(&world, &snapshot, (*in_port, frame, *known), &mut vary);
    }
    let mut world = world;
    for arrival in &arrivals {
        world = agreed(world, &snapshot, arrival);
    }
}

/// The bytes, with as many more as any choices take. Behind its last byte the generator says nothing but zero, and a
/// choice that is made again until it is another one would be made for ever.
fn lengthened(bytes: &[u8]) -> Vec<u8> {
    let mut seed = [0_u8; 32];
    for (byte, at) in bytes.iter().zip((0..32).cycle()) {
        seed[at] = seed[at].rotate_left(3) ^ byte;
    }
    let mut more = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let more = (0..MORE / 8).flat_map(|_| more.next_u64().to_le_bytes());
    bytes.iter().copied().chain(more).collect()
}

/// Takes the bytes for a port, what connection tracking knows, and a frame.
///
/// # Panics
///
/// As [`simulate`] does.
pub fn serve(bytes: &[u8]) {
    let Some((&[port, known], frame)) = bytes.split_first_chunk() else {
        return;
    };
    let in_port = u32::from(port % 5);
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
    let world = full_office();
    let snapshot = snapshot(&world);
    let seed = [port; 32];
    let mut vary = Vary(TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    masks(&world, &snapshot, (in_port, frame, known), &mut vary);
    agreed(world, &snapshot, &(in_port, frame.to_vec(), known));
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
    #[ignore = "some worlds kept take for ever since choices changed: the generator makes one again and again"]
    fn every_world_kept_is_judged_as_the_reference_judges_it() {
        weft_replay::replay("simulate", super::simulate);
    }

    #[test]
    fn every_frame_kept_is_served_as_the_reference_serves_it() {
        weft_replay::replay("serve", super::serve);
    }
}
