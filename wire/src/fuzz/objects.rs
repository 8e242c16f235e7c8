//! Any bytes as objects in JSON and as values in text. They are the topology's own; here they are read in any case, so that
//! nothing is built for it twice.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use weft_topology::chain::{FragmentPolicy, MaskedMac, NatTarget, PortRange};
use weft_topology::text::{EtherType, Prefix, Protocol};
use weft_topology::{Change, Kind, Object, ObjectId, Snapshot, Topology};

/// Takes the bytes for lines: an object that is put, or the id of one that goes.
///
/// # Panics
///
/// If an object is written and read as another, or if the topology after many changes is not what a topology of the
/// same objects is.
pub fn objects(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (mut topology, mut snapshot) = (Topology::default(), Snapshot::default());
    for (line, revision) in text.lines().zip(1..) {
        let change = match serde_json::from_str::<Object>(line) {
            Ok(object) => {
                let written = serde_json::json!(object).to_string();
                let again = serde_json::from_str::<Object>(&written);
                assert!(
                    again.as_ref().is_ok_and(|again| *again == object),
                    "{written}\n{again:?}"
                );
                Change::Put(object)
            }
            Err(_) => match line.parse::<ObjectId>() {
                Ok(id) => Change::Gone(id),
                Err(_) => continue,
            },
        };
        // A host is told what a service of another version holds to be right.
        snapshot = snapshot.apply(revision, std::slice::from_ref(&change)).0;
        if let Ok(applied) = topology.apply([change]) {
            topology = applied.topology;
        }
    }
    let anew: Topology = topology.objects().cloned().collect();
    assert_eq!(anew, topology, "made anew of its own objects");
    for object in topology.of_kind(Kind::Rule) {
        if let Object::Rule(rule) = object {
            assert!(!rule.in_words(&|id| topology.name_of(id)).is_empty());
        }
    }
    let known: Vec<Object> = snapshot.objects().cloned().collect();
    let changes: Vec<Change> = known.iter().cloned().map(Change::Put).collect();
    let anew = Snapshot::default().apply(1, &changes).0;
    assert!(anew.objects().eq(known.iter()), "made anew of its objects");
}

/// Takes the bytes for a value of each kind.
///
/// # Panics
///
/// If a value is written and read as another.
pub fn value(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    again::<Protocol>(text);
    again::<EtherType>(text);
    again::<Prefix>(text);
    again::<PortRange>(text);
    again::<MaskedMac>(text);
    again::<NatTarget>(text);
    again::<FragmentPolicy>(text);
    again::<ObjectId>(text);
}

fn again<T: FromStr + Display + Debug + PartialEq>(text: &str) {
    let Ok(value) = text.parse::<T>() else { return };
    let written = value.to_string();
    let again = written.parse::<T>().ok();
    assert_eq!(again.as_ref(), Some(&value), "{text}: {written}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_object_kept_does_no_harm() {
        weft_replay::replay("objects", super::objects);
    }

    #[test]
    fn every_value_kept_does_no_harm() {
        weft_replay::replay("value", super::value);
    }
}
