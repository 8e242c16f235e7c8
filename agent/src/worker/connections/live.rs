//! The entries of the kernel's table that are this host's connections.

use std::collections::BTreeSet;

use weft_flowsim::CUT;
use weft_ovs::Error;
use weft_ovs::conntrack::{Conntrack, Entry, Filter};
use weft_topology::Snapshot;

/// Entries that a filter admits and that are wanted.
pub(super) fn entries(
    conntrack: &mut dyn Conntrack,
    filter: Filter,
    wanted: impl Fn(&Entry) -> bool,
) -> Result<Vec<Entry>, Error> {
    let mut found = Vec::new();
    conntrack.list(filter, &mut |entry| {
        found.extend(entry.ok().filter(|entry| wanted(entry)));
    })?;
    Ok(found)
}

/// Those in the zones of a snapshot's ports that flows have entered, and that are not cut.
pub(in crate::worker) fn live(
    conntrack: &mut dyn Conntrack,
    snapshot: &Snapshot,
) -> Result<Vec<Entry>, Error> {
    let zones = zones(snapshot);
    entries(conntrack, Filter::default(), |entry| {
        zones.contains(&entry.zone) && entry.mark & !CUT != 0 && entry.mark & CUT == 0
    })
}

/// Those that some datapath's flows have entered in a zone that no port has. Their mark tells them from connections that
/// are none of this agent's business.
pub(super) fn strangers(
    conntrack: &mut dyn Conntrack,
    zones: &BTreeSet<u16>,
) -> Result<Vec<Entry>, Error> {
    entries(conntrack, Filter::default(), |entry| {
        entry.zone != 0 && entry.mark != 0 && !zones.contains(&entry.zone)
    })
}

/// The zones of a snapshot's ports.
pub(super) fn zones(snapshot: &Snapshot) -> BTreeSet<u16> {
    snapshot.local_ports().map(|local| local.zone()).collect()
}
