//! Backups: what is damaged, foreign or newer is refused; what is restored is what there was, but for what
//! runs.

use proptest::prelude::*;
use uuid::Uuid;
use weft_store::{Entry, Listing, Op};
use weft_topology::bridge::Bridge;
use weft_topology::host::Host;
use weft_topology::id::{BridgeId, HostId, PortId};
use weft_topology::port::{Binding, Port, PortDevice};
use weft_topology::{Change, Object, ObjectId};
use weft_wire::backup::Restored;

use super::format::{Backup, BackupError, read, write};
use super::{Plan, plan};
use crate::model::Model;
use crate::model::document::{self, Counter, Document};
use crate::service::{Planned, transaction};

fn host_id(n: u8) -> HostId {
    HostId(Uuid::from_u128(0x100 + u128::from(n)))
}

fn port_id(n: u8) -> PortId {
    PortId(Uuid::from_u128(0x200 + u128::from(n)))
}

fn host(n: u8, name: &str) -> Object {
    let host = Host {
        id: host_id(n),
        name: name.to_owned(),
        flooding_proxy_weight: 1,
    };
    host.into()
}

fn bridge() -> Object {
    let bridge = Bridge {
        id: BridgeId(Uuid::from_u128(0x300)),
        tenant_id: None,
        name: "blue".to_owned(),
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        mtu: None,
        vlan_aware: false,
    };
    bridge.into()
}

/// A port, bound to a host's interface if one is given.
fn port(n: u8, bound: Option<(u8, &str)>) -> Object {
    let port = Port {
        id: port_id(n),
        tenant_id: None,
        device: PortDevice::Bridge {
            bridge: BridgeId(Uuid::from_u128(0x300)),
        },
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        port_groups: Default::default(),
        peer: None,
        binding: bound.map(|(host, interface)| Binding {
            host: host_id(host),
            interface: interface.to_owned(),
        }),
        previous_host: None,
        vif_id: None,
        tunnel_key: 0,
        vlan: None,
        security: None,
    };
    port.into()
}

fn after(model: &Model, planned: Planned) -> Model {
    match transaction(model, planned).unwrap() {
        Some((_, next)) => next,
        None => model.clone(),
    }
}

fn with(model: &Model, objects: impl IntoIterator<Item = Object>) -> Model {
    let planned = Planned {
        changes: objects.into_iter().map(Change::Put).collect(),
        documents: Vec::new(),
    };
    after(model, planned)
}

fn without(model: &Model, ids: &[ObjectId]) -> Model {
    let planned = Planned {
        changes: ids.iter().copied().map(Change::Gone).collect(),
        documents: Vec::new(),
    };
    after(model, planned)
}

/// What the store has of a model.
fn listing(model: &Model) -> Listing {
    let objects = model.topology.objects().cloned().map(Change::Put);
    let counter = Document::Counter(Counter::TunnelKey, model.counter(Counter::TunnelKey));
    let members = model.files().flat_map(|(file, members)| {
        let members = members.iter();
        members.map(|(object, path)| member(file, *object, Some(path.as_str())))
    });
    let documents = objects
        .map(Document::Object)
        .chain([counter])
        .chain(members);
    let entries = documents.map(|document| match document::write(&document) {
        Op::Put { key, schema, json } => Entry {
            key,
            revision: 1,
            schema,
            json,
        },
        Op::Delete { .. } => unreachable!("everything is there"),
    });
    Listing {
        revision: model.revision,
        entries: entries.collect(),
    }
}

fn backup(model: &Model) -> Backup {
    read(&write(&listing(model), "s", 7)).unwrap()
}

/// The model after a restore, with these hosts alive.
fn restored(model: &Model, backup: &Backup, alive: &[u8]) -> (Model, Restored) {
    let lives = |host: HostId| alive.iter().any(|n| host_id(*n) == host);
    let Plan { planned, answer } = plan(model, backup, lives).unwrap();
    (after(model, planned), answer)
}

fn bound(model: &Model, n: u8) -> Option<(HostId, String)> {
    let binding = model.topology.port(port_id(n))?.binding.clone()?;
    Some((binding.host, binding.interface))
}

fn key(model: &Model, n: u8) -> u32 {
    model.topology.port(port_id(n)).unwrap().tunnel_key
}

/// Two hosts; a bridge with three ports, two of them bound.
fn site() -> Model {
    let hosts = [host(1, "hv1"), host(2, "hv2"), bridge()];
    let model = with(&Model::default(), hosts);
    with(
        &model,
        [
            port(1, Some((1, "tap1"))),
            port(2, Some((1, "tap2"))),
            port(3, None),
        ],
    )
}

#[test]
fn a_backup_says_what_it_is_and_comes_back_whole() {
    let model = site();
    let found = backup(&model);
    let header = &found.header;
    assert_eq!((header.store.as_str(), header.taken), ("s", 7));
    assert_eq!(header.revision, model.revision);
    assert_eq!(found.documents.len(), 7, "six objects and a counter");
}

#[test]
fn what_is_no_backup_or_a_newer_one_is_refused() {
    let text = String::from_utf8(write(&listing(&site()), "s", 7)).unwrap();
    for foreign in ["", "hello", "{\"v\":1}\n", "\u{0}\u{0}"] {
        let refused = read(foreign.as_bytes()).unwrap_err();
        assert!(matches!(refused, BackupError::Foreign), "{refused}");
    }
    let newer = text.replacen("\"weftBackup\":1", "\"weftBackup\":2", 1);
    let refused = read(newer.as_bytes()).unwrap_err();
    assert!(
        matches!(refused, BackupError::Newer { found: 2, .. }),
        "{refused}"
    );
    assert!(refused.to_string().contains("update weft-api"), "{refused}");
    // Whole, but with a document of a form that is not known here.
    let mut listing = listing(&site());
    listing.entries[0].schema = 2;
    let refused = read(&write(&listing, "s", 7)).unwrap_err();
    assert!(matches!(refused, BackupError::Document(_)), "{refused}");
}

#[test]
fn a_backup_that_was_cut_off_is_refused_wherever_that_was() {
    let text = write(&listing(&site()), "s", 7);
    for length in 0..text.len() {
        assert!(read(&text[..length]).is_err(), "{length} of {}", text.len());
    }
}

proptest! {
    #[test]
    fn a_backup_in_which_a_bit_changed_is_refused(place: prop::sample::Index, bit in 0..8u8) {
        let mut text = write(&listing(&site()), "s", 7);
        let place = place.index(text.len());
        text[place] ^= 1 << bit;
        prop_assert!(read(&text).is_err(), "byte {place}");
    }
}

#[test]
fn what_is_as_in_the_backup_already_is_no_transaction() {
    let model = site();
    let Plan { planned, answer } = plan(&model, &backup(&model), |_| true).unwrap();
    assert!(transaction(&model, planned).unwrap().is_none());
    let changed: u64 = answer
        .kinds
        .iter()
        .map(|it| it.created + it.changed + it.removed)
        .sum();
    assert_eq!(changed, 0);
}

#[test]
fn what_was_deleted_comes_back_with_its_interface_and_its_number() {
    let model = site();
    let kept = backup(&model);
    let emptied = without(&model, &[bridge().id()]);
    assert!(emptied.topology.port(port_id(1)).is_none());
    let (back, answer) = restored(&emptied, &kept, &[1, 2]);
    assert_eq!(back.topology, model.topology);
    assert_eq!(
        back.revision,
        emptied.revision + 1,
        "one transaction, counted on"
    );
    let created: u64 = answer.kinds.iter().map(|it| it.created).sum();
    assert_eq!(created, 4);
    // On a machine where nothing is, too.
    let (elsewhere, _) = restored(&Model::default(), &kept, &[]);
    assert_eq!(elsewhere.topology, model.topology);
}

#[test]
fn what_came_later_goes_and_its_number_is_not_given_again() {
    let model = site();
    let kept = backup(&model);
    let later = with(&model, [port(4, None)]);
    let last = key(&later, 4);
    let (back, _) = restored(&later, &kept, &[1]);
    assert!(back.topology.port(port_id(4)).is_none());
    let next = with(&back, [port(5, None)]);
    assert_eq!(key(&next, 5), last + 1);
    // Neither is one that was given before the backup was made, and is free in a new store.
    let (elsewhere, _) = restored(
        &Model::default(),
        &backup(&without(&later, &[port(4, None).id()])),
        &[],
    );
    assert_eq!(key(&with(&elsewhere, [port(5, None)]), 5), last + 1);
}

#[test]
fn a_number_that_another_port_has_by_now_is_given_anew() {
    let model = site();
    let kept = backup(&model);
    let mut other = with(&Model::default(), [bridge()]);
    for n in [7, 8] {
        other = with(&other, [port(n, None)]);
    }
    let taken: Vec<u32> = [7, 8].map(|n| key(&other, n)).to_vec();
    let (back, _) = restored(&other, &kept, &[]);
    let keys: std::collections::BTreeSet<u32> = [1, 2, 3].map(|n| key(&back, n)).into();
    assert_eq!(keys.len(), 3);
    assert!(
        !taken.iter().any(|key| keys.contains(key)),
        "{taken:?} {keys:?}"
    );
    let last = back.counter(Counter::TunnelKey);
    assert!(keys.iter().all(|key| u64::from(*key) <= last));
}

#[test]
fn hosts_that_live_and_what_they_carry_stay() {
    let model = site();
    let kept = backup(&model);
    // hv1 has another name, hv3 is new and has taken port 1; port 2 was unplugged; hv4 is dead.
    let now = with(
        &model,
        [
            host(1, "renamed"),
            host(3, "hv3"),
            host(4, "hv4"),
            host(2, "dead"),
        ],
    );
    let now = with(
        &now,
        [port(1, Some((3, "tap9"))), port(2, None)].map(|object| {
            let Object::Port(port) = object else {
                unreachable!()
            };
            let tunnel_key = now.topology.port(port.id).unwrap().tunnel_key;
            Port {
                tunnel_key,
                ..Port::clone(&port)
            }
            .into()
        }),
    );
    let (back, answer) = restored(&now, &kept, &[1, 3]);
    let name = |n| back.topology.host(host_id(n)).map(|host| host.name.clone());
    assert_eq!(name(1).as_deref(), Some("renamed"));
    assert_eq!(name(2).as_deref(), Some("hv2"), "who is dead says nothing");
    assert_eq!(name(3).as_deref(), Some("hv3"));
    assert_eq!(name(4), None);
    assert_eq!(answer.hosts_kept, ["hv3"]);
    assert_eq!(bound(&back, 1), Some((host_id(3), "tap9".to_owned())));
    assert_eq!(bound(&back, 2), None);
    assert_eq!((answer.bindings_kept, answer.bindings_lost), (2, 0));
}

#[test]
fn an_interface_that_carries_another_port_by_now_is_not_taken_from_it() {
    let model = site();
    let kept = backup(&model);
    let now = without(&model, &[port(1, None).id()]);
    let key = key(&now, 3);
    let Object::Port(moved) = port(3, Some((1, "tap1"))) else {
        unreachable!()
    };
    let now = with(
        &now,
        [Port {
            tunnel_key: key,
            ..Port::clone(&moved)
        }
        .into()],
    );
    let (back, answer) = restored(&now, &kept, &[1]);
    assert_eq!(bound(&back, 1), None);
    assert_eq!(bound(&back, 3), Some((host_id(1), "tap1".to_owned())));
    assert_eq!((answer.bindings_kept, answer.bindings_lost), (1, 1));
}

fn member(file: &str, object: ObjectId, path: Option<&str>) -> Document {
    Document::Member {
        file: file.to_owned(),
        object,
        path: path.map(str::to_owned),
    }
}

#[test]
fn which_file_manages_what_is_as_in_the_backup() {
    let with_members = |model: &Model, documents: Vec<Document>| {
        let changes = Vec::new();
        after(model, Planned { changes, documents })
    };
    let of_kept = |path| member("kept", bridge().id(), Some(path));
    let model = with_members(&site(), vec![of_kept("bridge.a")]);
    let kept = backup(&model);
    let port = member("new", port(1, None).id(), Some("bridge.a.port.p"));
    let now = with_members(&model, vec![of_kept("bridge.b"), port]);
    let (back, _) = restored(&now, &kept, &[1]);
    let found: Vec<_> = back.files().collect();
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].1.get(&bridge().id()).map(String::as_str),
        Some("bridge.a")
    );
}
