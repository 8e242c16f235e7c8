//! Which objects a host asks for: what its own ports lead to, and what its packets met.

use std::collections::BTreeSet;

use weft_topology::id::{HostId, PortId};
use weft_topology::{Known, Object, ObjectId, Snapshot};

/// The objects to follow, beside the host itself and the ports bound to it, which always come. `plugged`
/// are ports that somebody on this host wants; `met` are objects that simulations lacked.
///
/// An interior link is not gone along: what is beyond is asked for when a packet gets there. Behind
/// the provider router is the whole cloud.
pub fn wanted(
    snapshot: &Snapshot,
    host: HostId,
    plugged: &BTreeSet<PortId>,
    met: &BTreeSet<ObjectId>,
) -> BTreeSet<ObjectId> {
    let own = snapshot.objects().filter_map(|object| match object {
        Object::Port(port) if port.binding.as_ref()?.host == host => Some(object.id()),
        _ => None,
    });
    let plugged = plugged.iter().map(|&port| ObjectId::from(port));
    let mut wanted: BTreeSet<ObjectId> = plugged.chain(met.iter().copied()).collect();
    let mut queue: Vec<ObjectId> = own.chain(wanted.iter().copied()).collect();
    while let Some(id) = queue.pop() {
        for next in leads_to(snapshot, id) {
            if wanted.insert(next) {
                queue.push(next);
            }
        }
    }
    wanted
}

/// The objects that a simulation needs wherever it needs this one.
fn leads_to(snapshot: &Snapshot, id: ObjectId) -> Vec<ObjectId> {
    let Known::Here(object) = snapshot.object(id) else {
        return Vec::new();
    };
    let names = |object: &Object, but: &[&str]| -> Vec<ObjectId> {
        let named = object.references().into_iter();
        named
            .filter(|reference| !but.contains(&reference.field))
            .map(|reference| reference.target)
            .collect()
    };
    match object {
        Object::Port(_) => names(object, &["binding", "peer"]),
        Object::Chain(chain) => {
            let rules = chain.rules.iter().map(|&rule| snapshot.object(rule.into()));
            let here = rules.filter_map(Known::here);
            here.flat_map(|rule| names(rule, &["chain"])).collect()
        }
        // The rest of a bridge and a router comes with it.
        Object::Bridge(_) | Object::Router(_) => names(object, &[]),
        _ => Vec::new(),
    }
}
