//! Scenarios that every datapath must pass alike: the one in memory here, the kernel's in the guest.

mod actions;
mod connections;
mod dumped;
mod entries;
mod frames;
mod limits;
mod puts;
mod related;
mod shown;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use weft_flow::{Action, FlowKey, FlowMask, Ufid, parse_actions, parse_flow};
use weft_ovs::{Datapath, Error, Op, OpReply, PutMode, UpcallBuffer, UpcallKind, UpcallSource};

/// A datapath with ports whose other end the scenario holds.
pub(crate) trait Bench {
    fn datapath(&mut self) -> &mut dyn Datapath;
    /// Adds a port with an upcall socket of its own; ports count from 0.
    fn add_port(&mut self) -> usize;
    /// The port's number in the datapath.
    fn number(&self, port: usize) -> u32;
    /// The port's machine sends a frame.
    fn send(&mut self, port: usize, frame: &[u8]);
    /// The next frame that the port's machine gets.
    fn receive(&mut self, port: usize) -> Vec<u8>;
    fn upcalls(&mut self, port: usize) -> &mut dyn UpcallSource;
}

/// A flow in the kernel's text form.
pub(crate) struct Line {
    pub(crate) key: FlowKey,
    pub(crate) mask: FlowMask,
    pub(crate) ufid: Ufid,
    pub(crate) actions: Vec<Action>,
}

impl Line {
    pub(crate) fn new(matches: &str, actions: &str) -> Self {
        let (key, mask) = parse_flow(matches).unwrap();
        Self {
            ufid: Ufid::of(&key, &mask),
            key,
            mask,
            actions: parse_actions(actions).unwrap(),
        }
    }

    pub(crate) fn put(&self, bench: &mut dyn Bench, mode: PutMode) -> Result<OpReply, Error> {
        let put = Op::Put {
            ufid: self.ufid,
            key: &self.key,
            mask: &self.mask,
            actions: &self.actions,
            mode,
        };
        apply(bench, put)
    }
}

/// Puts a flow that must be taken.
pub(crate) fn put(bench: &mut dyn Bench, matches: &str, actions: &str) -> Line {
    let line = Line::new(matches, actions);
    line.put(bench, PutMode::Create).unwrap();
    line
}

pub(crate) fn apply(bench: &mut dyn Bench, op: Op<'_>) -> Result<OpReply, Error> {
    let mut results = Vec::new();
    bench.datapath().apply(&[op], &mut results);
    assert_eq!(results.len(), 1);
    results.pop().unwrap()
}

/// An upcall that is over.
pub(crate) struct Up {
    pub(crate) kind: UpcallKind,
    pub(crate) key: FlowKey,
    pub(crate) key_attrs: Vec<u8>,
    pub(crate) packet: Vec<u8>,
    pub(crate) userdata: Vec<u8>,
    pub(crate) hash: Option<u64>,
}

/// The port's next upcall.
pub(crate) fn upcall(bench: &mut dyn Bench, port: usize) -> Up {
    let source = bench.upcalls(port);
    let patience = PollTimeout::from(20_000u16);
    let ready = poll(
        &mut [PollFd::new(source.as_fd(), PollFlags::POLLIN)],
        patience,
    );
    assert_eq!(ready.unwrap(), 1, "waited in vain for an upcall");
    let mut buffer = UpcallBuffer::new();
    let upcall = source.receive(&mut buffer).unwrap().unwrap();
    Up {
        kind: upcall.kind,
        key: upcall.key.clone(),
        key_attrs: upcall.key_attrs.to_vec(),
        packet: upcall.packet.to_vec(),
        userdata: upcall.userdata.to_vec(),
        hash: upcall.hash,
    }
}

pub(crate) use actions::*;
pub(crate) use connections::*;
pub(crate) use dumped::*;
pub(crate) use entries::*;
pub(crate) use limits::*;
pub(crate) use puts::*;
pub(crate) use related::*;
pub(crate) use shown::*;

/// Makes a test of each scenario, with a fresh bench. The modules that use it have `conformance` in scope.
macro_rules! scenarios {
    ($bench:expr) => {
        conformance::scenarios! { $bench;
            a_put_finds_flows_by_id_and_by_its_own_key
            flows_may_overlap_where_no_key_meets_the_other
            a_changed_put_must_repeat_the_masked_key
            bad_flows_are_refused
            bad_actions_are_refused
            changes_and_deletions_need_a_flow
            a_dump_shows_what_counts_and_the_kernels_metadata
            an_upcalls_key_becomes_its_flow
            a_flow_comes_back_from_a_dump_as_it_was_put
            a_flow_is_changed_by_what_a_dump_shows_of_it
            of_the_original_tuple_a_dump_shows_only_what_has_a_protocol
            set_actions_change_the_frame_and_its_checksums
            tags_are_pushed_and_popped
            recirculation_looks_the_changed_packet_up_again
            userspace_says_the_key_as_it_is
            statistics_count_packets_bytes_and_flags
            a_change_may_begin_to_count_anew_and_says_what_was_counted
            execute_uses_the_keys_metadata
            a_connection_is_new_until_it_is_answered
            a_translation_is_undone_for_answers
            what_cannot_begin_a_connection_is_invalid
            zones_do_not_share_connections
            a_listing_shows_zones_tuples_and_marks
            an_entry_shows_how_its_answers_come_when_it_is_translated
            a_mark_is_written_to_one_entry_and_makes_none
            a_deletion_takes_one_entry_by_its_original_direction
            a_committed_mark_is_in_the_key_and_replaces_what_was_written
            an_icmp_error_is_related_to_the_connection_that_it_quotes
            connections_of_ipv6_are_listed_and_their_errors_related
            neighbour_discovery_and_listener_reports_are_invalid
            a_zone_takes_no_more_connections_than_its_limit
            limits_are_of_a_zone_or_of_all_others
            a_meter_drops_what_exceeds_it_and_counts
            a_meter_on_a_copy_leaves_the_packet_alone
            meters_are_put_replaced_and_deleted
        }
    };
    ($bench:expr; $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                conformance::$name(&mut $bench);
            }
        )*
    };
}

pub(crate) use scenarios;
