//! Chains, groups and port security in files.

use weft_topology::chain::{FragmentPolicy, RuleAction};
use weft_topology::id::{ChainId, RuleId};
use weft_topology::{Kind, Object};
use weft_wire::apply::Action;

use super::{absent, actions, applied, differences, file, put};
use crate::error::ApiError;
use crate::file::{export, plan};
use crate::model::Model;

const SHOP: &str = r#"
name = "shop"
[address_group.office]
addresses = ["10.0.0.0/8", "2001:db8::1"]
[port_group.web]
[chain.common]
[[chain.common.rule]]
action = "accept"
when = { ether_type = "arp" }
[chain.web-in]
tenant = "demo"
[[chain.web-in.rule]]
action = "jump"
chain = "common"
[[chain.web-in.rule]]
action = "accept"
when = { protocol = "tcp", destination_port = 80, source_group = "office", in_ports = ["blue/vm1"] }
not = { source = "10.9.0.0/16", in_port_group = "web" }
log = "web"
[[chain.web-in.rule]]
action = "drop"
[bridge.blue]
inbound = "common"
[bridge.blue.port.vm1]
inbound = "web-in"
outbound = "common"
groups = ["web"]
security = [{ mac = "02:00:00:00:00:01", prefix = "10.0.0.5" }]
"#;

/// The ids of the rules of the chain `web-in`, in order.
fn rules(model: &Model) -> Vec<RuleId> {
    let chain = chain(model);
    model.topology.chain(chain).unwrap().rules.clone()
}

fn chain(model: &Model) -> ChainId {
    let mut chains = model.topology.of_kind(Kind::Chain);
    let chain = chains.find(|it| model.topology.name_of(it.id()) == "web-in");
    ChainId(chain.unwrap().id().id)
}

#[test]
fn a_file_makes_chains_groups_and_security_once() {
    let (model, differences) = applied(&Model::default(), &file(SHOP));
    let created = [
        "address group office",
        "10.0.0.0/8 in address group office",
        "2001:db8::1 in address group office",
        "bridge blue",
        "port vm1 of bridge blue",
        "chain common",
        "rule 1 of chain common: accept arp",
        "chain web-in",
        "rule 1 of chain web-in: jump to common",
        "rule 2 of chain web-in: accept tcp to 80 not from 10.9.0.0/16 from group office in by port vm1 not in \
         by a port of group web, logged as web",
        "rule 3 of chain web-in: drop everything",
        "port group web",
    ];
    assert_eq!(
        actions(&differences),
        created.map(|what| (Action::Create, what))
    );
    assert_eq!(self::differences(&model, &file(SHOP)), []);
    let second = model.topology.rule(rules(&model)[1]).unwrap();
    assert_eq!(second.condition.fragment_policy, FragmentPolicy::Header);
    assert_eq!(second.action, RuleAction::Accept);
    let shown = export(&model, Some("shop"), false).unwrap();
    assert_eq!(shown.file, file(SHOP), "as it was written");
    assert_eq!(shown.left_out, []);
}

#[test]
fn rules_that_stay_keep_their_ids_when_others_come_go_and_move() {
    let (model, _) = applied(&Model::default(), &file(SHOP));
    let before = rules(&model);
    let ssh = "[[chain.web-in.rule]]\naction = \"accept\"\nwhen = { destination_port = 22 }\n[chain.web-in.x]";
    let ssh = ssh.replace("[chain.web-in.x]", "");
    let more = SHOP.replace(
        "[[chain.web-in.rule]]\naction = \"jump\"",
        &format!("{ssh}[[chain.web-in.rule]]\naction = \"jump\""),
    );
    let (model, differences) = applied(&model, &file(&more));
    assert_eq!(
        actions(&differences),
        [
            (Action::Change, "chain web-in"),
            (Action::Create, "rule 1 of chain web-in: accept to 22"),
        ]
    );
    assert_eq!(rules(&model)[1..], before);
    let (model, differences) = applied(&model, &file(SHOP));
    assert_eq!(differences.len(), 2);
    assert_eq!(rules(&model), before);
    // Two equal rules are two.
    let twice = SHOP.replace(
        "[[chain.web-in.rule]]\naction = \"drop\"",
        "[[chain.web-in.rule]]\naction = \"drop\"\n[[chain.web-in.rule]]\naction = \"drop\"",
    );
    let (model, _) = applied(&model, &file(&twice));
    assert_eq!((rules(&model).len(), &rules(&model)[..3]), (4, &before[..]));
    assert_eq!(self::differences(&model, &file(&twice)), []);
}

#[test]
fn a_chain_has_the_files_rules_alone() {
    let (model, _) = applied(&Model::default(), &file(SHOP));
    let (chain, first) = (chain(&model), rules(&model)[0]);
    let mut strange = weft_topology::chain::Rule::clone(model.topology.rule(first).unwrap());
    strange.id = RuleId(uuid::Uuid::from_u128(5));
    let mut longer = weft_topology::chain::Chain::clone(model.topology.chain(chain).unwrap());
    longer.rules.insert(0, strange.id);
    let planned = crate::service::Planned {
        changes: vec![
            weft_topology::Change::Put(strange.into()),
            weft_topology::Change::Put(longer.into()),
        ],
        documents: Vec::new(),
    };
    let model = super::after(&model, planned);
    // An export has it, for it is there; the file has not.
    let shown = export(&model, Some("shop"), false).unwrap().file;
    assert_eq!(shown.chain["web-in"].rule.len(), 4);
    let (model, differences) = applied(&model, &file(SHOP));
    assert_eq!(differences.len(), 2);
    let removed = differences.iter().find(|it| it.action == Action::Remove);
    assert!(!removed.unwrap().in_file);
    assert_eq!(rules(&model).len(), 3);
}

#[test]
fn what_is_taken_out_of_a_file_is_taken_away() {
    let (model, _) = applied(&Model::default(), &file(SHOP));
    let open = "name = \"shop\"\n[bridge.blue]\n[bridge.blue.port.vm1]\n[address_group.office]\naddresses = [\"10.0.0.0/8\"]";
    let (model, _) = applied(&model, &file(open));
    for kind in [Kind::Chain, Kind::Rule, Kind::PortGroup] {
        assert_eq!(model.topology.of_kind(kind).count(), 0, "{kind}");
    }
    assert_eq!(model.topology.of_kind(Kind::AddressGroupMember).count(), 1);
    let Some(Object::Port(port)) = model.topology.of_kind(Kind::Port).next() else {
        panic!("no port");
    };
    assert_eq!(
        (port.inbound_filter, port.outbound_filter, &port.security),
        (None, None, &None)
    );
    assert!(port.port_groups.is_empty());
}

#[test]
fn what_others_made_is_named_by_its_id() {
    let group = weft_topology::chain::PortGroup {
        id: uuid::Uuid::from_u128(7).into(),
        tenant_id: None,
        name: "theirs".to_owned(),
        stateful: false,
    };
    let model = put(&Model::default(), group);
    let id = uuid::Uuid::from_u128(7);
    let mine = format!("[bridge.a.port.p]\ngroups = [\"{id}\"]");
    let (model, _) = applied(&model, &file(&mine));
    assert_eq!(differences(&model, &file(&mine)), []);
    // With its name in an export of everything.
    let shown = export(&model, None, false).unwrap().file;
    assert_eq!(
        shown.bridge["a"].port.values().next().unwrap().groups,
        ["theirs"]
    );
}

#[test]
fn what_is_wrong_is_told_where_it_stands() {
    for (text, property) in [
        ("[bridge.a]\ninbound = \"x\"", "bridge.a.inbound"),
        (
            "[bridge.a.port.p]\ngroups = [\"x\"]",
            "bridge.a.port.p.groups[0]",
        ),
        (
            "[bridge.a.port.p]\nsecurity = [{ mac = \"02:00:00:00:00:01\", prefix = \"10.0.0.5/8\" }]",
            "bridge.a.port.p.security",
        ),
        (
            "[[chain.c.rule]]\naction = \"jump\"",
            "chain.c.rule[0].chain",
        ),
        (
            "[[chain.c.rule]]\naction = \"jump\"\nchain = \"d\"",
            "chain.c.rule[0].chain",
        ),
        (
            "[[chain.c.rule]]\naction = \"jump\"\nchain = \"c\"",
            "chain.c.rule[0].chain",
        ),
        (
            "[[chain.c.rule]]\naction = \"drop\"\nchain = \"c\"",
            "chain.c.rule[0].chain",
        ),
        (
            "[[chain.c.rule]]\naction = \"drop\"\nthen = \"return\"",
            "chain.c.rule[0].then",
        ),
        (
            "[[chain.c.rule]]\naction = \"drop\"\ntargets = [\"10.0.0.1\"]",
            "chain.c.rule[0].targets",
        ),
        (
            "[[chain.c.rule]]\naction = \"dnat\"",
            "chain.c.rule[0].targets",
        ),
        (
            "[[chain.c.rule]]\naction = \"drop\"\nwhen = { source = \"10.0.0.1/8\" }",
            "chain.c.rule[0].source",
        ),
        (
            "[[chain.c.rule]]\naction = \"drop\"\nwhen = { protocol = 6 }\nnot = { protocol = 17 }",
            "chain.c.rule[0].not.protocol",
        ),
        (
            "[[chain.c.rule]]\naction = \"drop\"\nnot = { reply = true }",
            "chain.c.rule[0].not.reply",
        ),
        (
            "[[chain.c.rule]]\naction = \"drop\"\nnot = { in_ports = [\"a/b\"] }",
            "chain.c.rule[0].not.in_ports[0]",
        ),
        (
            "[[chain.c.rule]]\naction = \"drop\"\nwhen = { source_group = \"g\" }",
            "chain.c.rule[0].when.source_group",
        ),
        (
            "[[chain.c.rule]]\naction = \"drop\"\nfragments = \"any\"\nwhen = { source_port = 1 }",
            "chain.c.rule[0].fragments",
        ),
        (
            "[address_group.g]\naddresses = [\"10.0.0.1/8\"]",
            "address_group.g.addresses[0]",
        ),
        (
            "[address_group.g]\naddresses = [\"10.0.0.1\", \"10.0.0.1/32\"]",
            "address_group.g.addresses[1]",
        ),
    ] {
        let refused = plan(&Model::default(), &file(text), &absent).unwrap_err();
        let ApiError::Invalid(problems) = &refused else {
            panic!("{text}: {refused}");
        };
        let found: Vec<&str> = problems.iter().map(|it| it.property.as_str()).collect();
        assert_eq!(found, [property], "{text}: {refused}");
    }
    for text in [
        "[[chain.c.rule]]\naction = \"allow\"",
        "[[chain.c.rule]]\naction = \"drop\"\nwhen = { protocol = \"tpc\" }",
        "[[chain.c.rule]]\naction = \"drop\"\nwhen = { port = 80 }",
        "[[chain.c.rule]]\naction = \"drop\"\nprotocol = \"tcp\"",
        "[chain.c]\nrules = []",
    ] {
        assert!(
            toml::from_str::<weft_wire::topology_file::TopologyFile>(text).is_err(),
            "{text}"
        );
    }
}

#[test]
fn a_rule_belongs_to_one_chain_and_one_file() {
    let (model, _) = applied(&Model::default(), &file(SHOP));
    let id = rules(&model)[2];
    let other = format!("[chain.mine]\n[[chain.mine.rule]]\nid = \"{id}\"\naction = \"drop\"");
    let refused = plan(&model, &file(&other), &absent).unwrap_err();
    assert!(refused.to_string().contains("cannot move"), "{refused}");
    let chain = chain(&model);
    let other = format!("[chain.{chain}]\nname = \"web-in\"");
    let refused = plan(&model, &file(&other), &absent).unwrap_err();
    assert!(matches!(refused, ApiError::InTheWay(_)), "{refused}");
}
