//! The kernel's table of connections: what kernels do with requests, and what is safe to ask.

use std::collections::BTreeSet;
use std::time::Duration;

use weft_flow::attr::PutAttr;
use weft_ovs::conntrack::{Bits, Entry, Filter, Outcome, TcpState, Traffic};

use super::connection::End::{Originator, Responder};
use super::connection::What::{Fin, Next};
use super::connection::{Connection, Family, Speech};
use super::programs::{Flows, Policy, VERDICT};
use super::raw::{ACK, DELETE, DUMP, GET, Raw};
use super::stage::Stage;

/// `CTA_MARK`, `CTA_ZONE`, `CTA_MARK_MASK`.
const MARK: u16 = 8;
const ZONE: u16 = 18;
const MARK_MASK: u16 = 21;

fn is_6_1() -> bool {
    let name = nix::sys::utsname::uname().unwrap();
    name.release().to_str().unwrap().starts_with("6.1.")
}

/// Connections from A to B on one host, an entry in each of two zones for each.
fn connections(count: usize) -> (Stage, Vec<Connection>) {
    let mut stage = Stage::one_host();
    stage.hosts[0].put(&Flows::same_host(Family::V4, Policy::Open));
    let connections = (0..count)
        .map(|_| {
            let mut connection = stage.connection(Speech::Udp, Family::V4, [0, 1]);
            stage.pass(&mut connection, Originator, Next);
            connection
        })
        .collect();
    (stage, connections)
}

fn ids(entries: &[Entry]) -> BTreeSet<(u16, u32)> {
    entries.iter().map(|it| (it.zone, it.id)).collect()
}

#[test]
fn a_listing_is_filtered_by_mark_in_the_kernel_and_by_zone_only_since_6_12() {
    let (mut stage, connections) = connections(4);
    let host = &mut stage.hosts[0];
    let other = Bits::all(0x8000_0000 | VERDICT);
    let original = connections[0].tuple();
    let marked = host.conntrack.set_mark(2, &original, other).unwrap();
    assert_eq!(marked, Outcome::Done);
    let raw = Raw::open();
    let mut by_mark = Vec::new();
    by_mark.put_be32(MARK, 0x8000_0000);
    by_mark.put_be32(MARK_MASK, 0x8000_0000);
    assert_eq!(raw.ask(GET, DUMP, &by_mark), Ok(1));
    let mut by_zone = Vec::new();
    by_zone.put_be16(ZONE, 2);
    let sent = if is_6_1() { 8 } else { 4 };
    assert_eq!(raw.ask(GET, DUMP, &by_zone), Ok(sent));
    // Ours is right on both.
    for (mark, zone, wanted) in [
        (None, None, 8),
        (None, Some(2), 4),
        (Some(Bits::all(VERDICT)), None, 7),
        (Some(Bits::all(VERDICT)), Some(2), 3),
        (Some(other), Some(1), 0),
    ] {
        let found = host.entries(Filter { mark, zone });
        assert_eq!(found.len(), wanted, "{mark:?} {zone:?}");
    }
}

/// Why there is no way to delete but one entry by its tuple.
#[test]
fn a_deletion_without_a_tuple_takes_all_on_6_1_and_the_zone_on_6_12() {
    let (mut stage, _) = connections(3);
    let mut by_zone = Vec::new();
    by_zone.put_be16(ZONE, 2);
    assert_eq!(Raw::open().ask(DELETE, ACK, &by_zone), Ok(0));
    let left = stage.hosts[0].entries(Filter::default());
    assert_eq!(left.len(), if is_6_1() { 0 } else { 3 });
    assert!(left.iter().all(|it| it.zone == 1));
}

#[test]
fn a_deletion_by_tuple_leaves_all_others_of_a_long_table() {
    const COUNT: usize = 250;
    let (mut stage, connections) = connections(COUNT);
    let host = &mut stage.hosts[0];
    let before = host.entries(Filter::default());
    assert_eq!(before.len(), 2 * COUNT);
    assert_eq!(ids(&before).len(), 2 * COUNT, "an entry was listed twice");
    let gone = host.entry(2, &connections[COUNT / 2]).unwrap();
    host.forget(2, &connections[COUNT / 2]);
    let mut wanted = ids(&before);
    assert!(wanted.remove(&(2, gone.id)));
    assert_eq!(ids(&host.entries(Filter::default())), wanted);
    let again = host.conntrack.delete(2, &gone.original).unwrap();
    assert_eq!(again, Outcome::NotThere);
}

#[test]
fn a_mark_is_written_where_an_entry_is_and_makes_none() {
    let (mut stage, connections) = connections(2);
    let host = &mut stage.hosts[0];
    host.forget(1, &connections[0]);
    for (zone, name) in [
        (1, connections[0].tuple()),
        (3, connections[1].tuple()),
        (2, connections[1].tuple().inverse().unwrap()),
    ] {
        let outcome = host.conntrack.set_mark(zone, &name, Bits::all(7)).unwrap();
        assert_eq!(outcome, Outcome::NotThere, "zone {zone}: {name}");
    }
    let entries = host.entries(Filter::default());
    assert_eq!(entries.len(), 3);
    assert!(entries.iter().all(|it| it.mark == VERDICT));
}

#[test]
fn an_entry_shows_tcps_state_its_time_and_what_it_counts() {
    let mut stage = Stage::one_host();
    std::fs::write("/proc/sys/net/netfilter/nf_conntrack_acct", "1").unwrap();
    stage.hosts[0].put(&Flows::same_host(Family::V4, Policy::Open));
    let mut connection = stage.connection(Speech::Tcp, Family::V4, [0, 1]);
    let it = &mut connection;
    stage.pass(it, Originator, Next);
    let entry = stage.hosts[0].entry(1, it).unwrap();
    assert_eq!(entry.tcp_state, Some(TcpState::SynSent));
    assert!(!entry.status.has_seen_reply() && !entry.status.is_assured());
    let timeout = entry.timeout.unwrap();
    assert!(timeout > Duration::ZERO && timeout <= Duration::from_secs(120));
    stage.pass(it, Responder, Next);
    stage.pass(it, Originator, Next);
    let entry = stage.hosts[0].entry(1, it).unwrap();
    assert_eq!(entry.tcp_state, Some(TcpState::Established));
    assert!(entry.status.has_seen_reply() && entry.status.is_assured());
    // Five days, or five minutes while data wait for their acknowledgement.
    assert!(entry.timeout.unwrap() > Duration::from_secs(200));
    let counters = entry.counters.unwrap();
    assert_eq!(
        counters.original,
        Traffic {
            packets: 2,
            bytes: 40 + 60,
        }
    );
    assert_eq!(counters.reply.packets, 1);
    stage.pass(it, Originator, Fin);
    let entry = stage.hosts[0].entry(1, it).unwrap();
    assert_eq!(entry.tcp_state, Some(TcpState::FinWait));
    let mut echo = stage.connection(Speech::Echo, Family::V4, [0, 1]);
    stage.pass(&mut echo, Originator, Next);
    let entry = stage.hosts[0].entry(2, &echo).unwrap();
    assert_eq!(entry.tcp_state, None);
}
