//! Files against models: what is applied is there, once; what is exported is what there is.

mod any_file;
mod any_filter;
mod filter;

use weft_topology::host::Host;
use weft_topology::id::HostId;
use weft_topology::port::{Binding, Port};
use weft_topology::{Change, Kind, Object};
use weft_wire::apply::{Action, Difference};
use weft_wire::topology_file::TopologyFile;

use super::{Plan, export, plan};
use crate::error::ApiError;
use crate::model::Model;
use crate::service::{Planned, transaction};

fn absent(_: HostId, _: &str) -> bool {
    false
}

/// The model after a transaction.
fn after(model: &Model, planned: Planned) -> Model {
    match transaction(model, planned).unwrap() {
        Some((_, next)) => next,
        None => model.clone(),
    }
}

/// Applies a file: the model after it, and what was different.
fn applied(model: &Model, file: &TopologyFile) -> (Model, Vec<Difference>) {
    let Plan {
        planned, answer, ..
    } = plan(model, file, &absent).unwrap();
    (after(model, planned), answer.differences)
}

fn differences(model: &Model, file: &TopologyFile) -> Vec<Difference> {
    plan(model, file, &absent).unwrap().answer.differences
}

fn put(model: &Model, object: impl Into<Object>) -> Model {
    let planned = Planned {
        changes: vec![Change::Put(object.into())],
        documents: Vec::new(),
    };
    after(model, planned)
}

/// A file as the command line reads it.
fn file(text: &str) -> TopologyFile {
    toml::from_str(text).unwrap()
}

fn actions(differences: &[Difference]) -> Vec<(Action, &str)> {
    let pairs = differences.iter();
    pairs.map(|it| (it.action, it.what.as_str())).collect()
}

const SHOP: &str = r#"
name = "shop"
[bridge.blue]
mtu = 1450
[bridge.blue.arp]
"10.0.0.1" = "02:00:00:00:00:fe"
[[bridge.blue.mac]]
mac = "02:00:00:00:00:01"
port = "vm1"
[bridge.blue.subnet."10.0.0.0/24"]
gateway = "10.0.0.1"
[bridge.blue.subnet."10.0.0.0/24".host."02:00:00:00:00:01"]
address = "10.0.0.5"
name = "vm1"
[bridge.blue.port.vm1]
[bridge.blue.port.up]
peer = "red/down"
[bridge.red.port.down]
"#;

#[test]
fn a_file_is_applied_once_and_then_there_is_nothing_to_do() {
    let (model, differences) = applied(&Model::default(), &file(SHOP));
    let created = [
        "bridge blue",
        "ARP entry 10.0.0.1 of bridge blue",
        "MAC entry 02:00:00:00:00:01 of bridge blue",
        "port up of bridge blue",
        "port vm1 of bridge blue",
        "subnet 10.0.0.0/24 of bridge blue",
        "DHCP host 02:00:00:00:00:01 of bridge blue",
        "bridge red",
        "port down of bridge red",
    ];
    assert_eq!(
        actions(&differences),
        created.map(|what| (Action::Create, what))
    );
    assert_eq!(model.topology.len(), created.len());
    let again = plan(&model, &file(SHOP), &absent).unwrap();
    assert_eq!(again.answer.differences, []);
    assert!(transaction(&model, again.planned).unwrap().is_none());
}

#[test]
fn both_ends_of_a_link_know_one_another_and_let_go_together() {
    let (model, _) = applied(&Model::default(), &file(SHOP));
    let linked = |model: &Model| {
        let ports = model.topology.of_kind(Kind::Port);
        ports
            .filter(|object| matches!(object, Object::Port(port) if port.peer.is_some()))
            .count()
    };
    assert_eq!(linked(&model), 2);
    let (model, differences) = applied(&model, &file(&SHOP.replace("peer = \"red/down\"", "")));
    assert_eq!(linked(&model), 0);
    let changed = ["port up of bridge blue", "port down of bridge red"];
    assert_eq!(
        actions(&differences),
        changed.map(|what| (Action::Change, what))
    );
}

#[test]
fn what_a_named_file_no_longer_names_is_removed_and_nothing_else() {
    let (model, _) = applied(&Model::default(), &file(SHOP));
    let (model, _) = applied(&model, &file("[bridge.other]"));
    let less = SHOP.replace("[bridge.blue.port.vm1]", "");
    let less = less.replace(
        "[[bridge.blue.mac]]\nmac = \"02:00:00:00:00:01\"\nport = \"vm1\"",
        "",
    );
    let (model, differences) = applied(&model, &file(&less));
    assert_eq!(
        actions(&differences),
        [
            (Action::Remove, "MAC entry 02:00:00:00:00:01 of bridge blue"),
            (Action::Remove, "port vm1 of bridge blue"),
        ]
    );
    assert!(differences.iter().all(|difference| difference.in_file));
    let (model, _) = applied(&model, &file("name = \"shop\""));
    assert_eq!(model.topology.len(), 1, "the other bridge");
    assert_eq!(model.files().count(), 0);
}

#[test]
fn a_file_without_a_name_removes_nothing() {
    let (model, _) = applied(&Model::default(), &file("[bridge.a]\n[bridge.b]"));
    let (model, differences) = applied(&model, &file("[bridge.a]"));
    assert_eq!(differences, []);
    assert_eq!(model.topology.len(), 2);
}

#[test]
fn what_goes_with_a_removed_bridge_is_shown() {
    let (model, _) = applied(&Model::default(), &file("name = \"f\"\n[bridge.a.port.p]"));
    let bridge = model.topology.of_kind(Kind::Bridge).next().unwrap().id().id;
    let (model, _) = applied(
        &model,
        &file("name = \"f\"\n[bridge.a.port.p]\n[bridge.a.port.q]"),
    );
    // A port that somebody else made.
    let stranger = Port {
        id: uuid::Uuid::from_u128(5).into(),
        tunnel_key: 0,
        ..match model.topology.of_kind(Kind::Port).next().unwrap() {
            Object::Port(port) => Port::clone(port),
            _ => unreachable!(),
        }
    };
    let model = put(&model, stranger);
    let (model, differences) = applied(&model, &file("name = \"f\""));
    assert_eq!(differences.len(), 4);
    let strange: Vec<&Difference> = differences.iter().filter(|it| !it.in_file).collect();
    assert_eq!(strange.len(), 1);
    assert!(strange[0].what.contains(&bridge.to_string()) || strange[0].what.contains("bridge a"));
    assert!(model.topology.is_empty());
}

#[test]
fn an_object_is_managed_by_one_file() {
    let (model, _) = applied(&Model::default(), &file("name = \"one\"\n[bridge.a]"));
    let id = model.topology.of_kind(Kind::Bridge).next().unwrap().id().id;
    for text in [
        format!("name = \"two\"\n[bridge.{id}]\nname = \"a\""),
        format!("[bridge.{id}]\nname = \"b\""),
    ] {
        let refused = plan(&model, &file(&text), &absent).unwrap_err();
        assert!(matches!(refused, ApiError::InTheWay(_)), "{refused}");
        assert!(refused.to_string().contains("weft forget one"), "{refused}");
    }
    // Without a name and without a difference it is no claim.
    let same = format!("[bridge.{id}]\nname = \"a\"");
    assert_eq!(differences(&model, &file(&same)), []);
}

#[test]
fn what_is_there_already_is_taken_over_unchanged() {
    let (model, _) = applied(&Model::default(), &file("[bridge.a]\nmtu = 1400"));
    let id = model.topology.of_kind(Kind::Bridge).next().unwrap().id().id;
    let mine = format!("name = \"mine\"\n[bridge.a]\nid = \"{id}\"\nmtu = 1400");
    let (model, differences) = applied(&model, &file(&mine));
    assert_eq!(actions(&differences), [(Action::TakeOver, "bridge a")]);
    assert_eq!(self::differences(&model, &file(&mine)), []);
    let Plan { answer, .. } = plan(
        &model,
        &file("[bridge.a]\nid = \"5c5f7f5e-1d1c-4bb6-8c5e-3f6b3f0f0f0f\""),
        &absent,
    )
    .unwrap();
    assert!(
        answer.warnings[0].contains(&id.to_string()),
        "{:?}",
        answer.warnings
    );
}

#[test]
fn what_went_by_other_hands_is_made_again_or_forgotten() {
    let (model, _) = applied(&Model::default(), &file("name = \"f\"\n[bridge.a]"));
    let id = model.topology.of_kind(Kind::Bridge).next().unwrap().id();
    let planned = Planned {
        changes: vec![Change::Gone(id)],
        documents: Vec::new(),
    };
    let model = after(&model, planned);
    let again = differences(&model, &file("name = \"f\"\n[bridge.a]"));
    assert_eq!(actions(&again), [(Action::Create, "bridge a")]);
    let (model, forgotten) = applied(&model, &file("name = \"f\""));
    assert_eq!(actions(&forgotten), [(Action::Forget, "bridge.a")]);
    assert_eq!(differences(&model, &file("name = \"f\"")), []);
}

/// A host, and a port of the shop's that is bound there.
fn with_a_bound_port() -> Model {
    let (model, _) = applied(&Model::default(), &file(SHOP));
    let host = Host {
        id: HostId(uuid::Uuid::from_u128(1)),
        name: "hv1".to_owned(),
        flooding_proxy_weight: 1,
    };
    let (interface, id) = ("tap0".to_owned(), host.id);
    let model = put(&model, host);
    let port = model.topology.of_kind(Kind::Port).find_map(|it| match it {
        Object::Port(port) if port.peer.is_none() => Some(Port::clone(port)),
        _ => None,
    });
    let bound = Port {
        binding: Some(Binding {
            host: id,
            interface,
        }),
        ..port.unwrap()
    };
    put(&model, bound)
}

#[test]
fn where_a_port_is_bound_is_left_alone_unless_the_file_says_it() {
    let model = with_a_bound_port();
    assert_eq!(differences(&model, &file(SHOP)), []);
    let bind = |interface: &str, host: &str| {
        let line = format!("bind = {{ host = \"{host}\", interface = \"{interface}\" }}");
        file(&SHOP.replace(
            "[bridge.blue.port.vm1]",
            &format!("[bridge.blue.port.vm1]\n{line}"),
        ))
    };
    assert_eq!(differences(&model, &bind("tap0", "hv1")), []);
    let (model, moved) = applied(&model, &bind("eth1", "hv1"));
    assert_eq!(moved[0].fields[0].field, "bind");
    assert_eq!(moved[0].fields[0].after, "eth1 of host hv1");
    let nobody = plan(&model, &bind("eth1", "hv2"), &absent).unwrap_err();
    assert!(
        nobody.to_string().contains("there is no host 'hv2'"),
        "{nobody}"
    );
    // An interface that is there is not taken from another binding of its host.
    let refused = plan(&model, &bind("eth2", "hv1"), &|_, _| true).unwrap_err();
    assert!(refused.to_string().contains("unbind it first"), "{refused}");
    let shown = export(&model, Some("shop"), true).unwrap().file;
    let vm1 = &shown.bridge["blue"].port["vm1"];
    assert_eq!(vm1.bind.as_ref().unwrap().interface, "eth1");
    assert_eq!(differences(&model, &shown), []);
    let without = export(&model, Some("shop"), false).unwrap().file;
    assert_eq!(without, file(SHOP), "the file comes back as it was written");
}

#[test]
fn errors_are_about_the_files_entries() {
    for (text, says) in [
        ("name = \"a/b\"", "name: want 1 to 64"),
        ("[bridge.a]\nmtu = 3", "bridge.a.mtu: 3 is not within"),
        (
            "[bridge.a.subnet.\"10.0.0.0/24\".host.\"02:00:00:00:00:01\"]\naddress = \"10.1.0.1\"",
            "bridge.a.subnet.\"10.0.0.0/24\".host.\"02:00:00:00:00:01\".address: 10.1.0.1 is outside",
        ),
        (
            "[bridge.a.port.p]\npeer = \"b/q\"",
            "bridge.a.port.p.peer: this file has no port 'b/q'",
        ),
        (
            "[bridge.a.port.p]\npeer = \"a/p\"",
            "bridge.a.port.p.peer: a port has one peer",
        ),
        (
            "[bridge.a]\nmac = [{ mac = \"02:00:00:00:00:01\", port = \"p\" }]",
            "bridge.a.mac[0].port: this bridge has no port 'p'",
        ),
        (
            "[bridge.a.subnet.\"10.0.0.0/24\"]\noptions = [{ name = \"nonsense\", value = \"1\" }]",
            "bridge.a.subnet.\"10.0.0.0/24\".options[0]",
        ),
        ("[bridge.\"a\\n\"]", "no control characters"),
        ("[bridge.a.port.\"p/q\"]", "has no '/'"),
        (
            "[bridge.a]\nid = \"5c5f7f5e-1d1c-4bb6-8c5e-3f6b3f0f0f0f\"\n[bridge.b]\nid = \"5c5f7f5e-1d1c-4bb6-8c5e-3f6b3f0f0f0f\"",
            "bridge.b: is the same object as bridge.a",
        ),
    ] {
        let refused = plan(&Model::default(), &file(text), &absent).unwrap_err();
        assert!(refused.to_string().contains(says), "{text}\n{refused}");
    }
}
