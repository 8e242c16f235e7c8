//! What a file makes of the topology.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use weft_topology::{Change, Kind, Object, ObjectId, Topology};
use weft_wire::apply::{Action, Applied, Difference};
use weft_wire::topology_file::TopologyFile;

use super::difference;
use super::names::{TABLES, check_name, label};
use super::wanted::{Present, Wanted, wanted};
use crate::error::{ApiError, InvalidProperty};
use crate::model::document::Document;
use crate::model::tunnel_key;
use crate::model::{Members, Model};
use crate::service::Planned;

/// The transaction, and what is said of it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) planned: Planned,
    /// What changes with all that follows from it, then the objects that it names anew.
    pub(crate) whole: Vec<Change>,
    /// `applied` is false in it.
    pub(crate) answer: Applied,
}

/// Finds out what a file makes of a model.
pub(crate) fn plan(model: &Model, file: &TopologyFile, present: Present) -> Result<Plan, ApiError> {
    let name = file.name.as_deref();
    name.map(check_name).transpose()?;
    let wanted = wanted(model, file, present)?;
    let known: Members = name
        .and_then(|name| model.file(name))
        .cloned()
        .unwrap_or_default();

    let puts = wanted.objects.values().cloned().map(Change::Put);
    let mut changes: Vec<Change> = puts.chain(wanted.others.iter().cloned()).collect();
    let dropped = known.keys().filter(|id| !wanted.objects.contains_key(*id));
    changes.extend(dropped.map(|id| Change::Gone(*id)));

    let mut numbered = changes.clone();
    tunnel_key::number(model, &mut numbered)?;
    let applied = model.topology.apply(numbered);
    let applied = applied.map_err(|error| in_words_of(&wanted, error.into()))?;

    let mut paths = wanted.paths.clone();
    for (id, path) in &known {
        paths.entry(*id).or_insert_with(|| path.clone());
    }
    let sides = Sides {
        paths: &paths,
        before: &model.topology,
        after: &applied.topology,
        wanted: &wanted,
        known: &known,
    };
    let mut differences: Vec<(String, Difference)> = applied
        .changes
        .iter()
        .map(|change| sides.of(change))
        .collect();
    let changed: BTreeSet<ObjectId> = applied.changes.iter().map(Change::id).collect();
    not_of_others(model, name, &wanted, &changed)?;
    if name.is_some() {
        differences.extend(sides.taken_over(&changed));
        differences.extend(sides.forgotten());
    }
    differences.sort_by(|(a, _), (b, _)| a.cmp(b));
    let differences: Vec<Difference> = differences.into_iter().map(|(_, it)| it).collect();

    let documents = match name {
        Some(name) if !differences.is_empty() => members(name, &wanted, &known),
        _ => Vec::new(),
    };
    let warnings = warnings(model, &wanted);
    let named = applied
        .topology
        .newly_named(&model.topology, &applied.changes);
    let named = named.into_iter().map(Change::Put);
    let whole = applied.changes.iter().cloned().chain(named).collect();
    Ok(Plan {
        answer: Applied {
            revision: model.revision,
            plan: digest(name, &differences),
            applied: false,
            differences,
            warnings,
            changes: None,
        },
        whole,
        planned: Planned { changes, documents },
    })
}

/// What changes of that which is remembered of a file.
fn members(file: &str, wanted: &Wanted, known: &Members) -> Vec<Document> {
    let member = |object: &ObjectId, path: Option<&String>| Document::Member {
        file: file.to_owned(),
        object: *object,
        path: path.cloned(),
    };
    let new = wanted
        .paths
        .iter()
        .filter(|(id, path)| known.get(*id) != Some(*path));
    let gone = known.keys().filter(|id| !wanted.paths.contains_key(*id));
    new.map(|(id, path)| member(id, Some(path)))
        .chain(gone.map(|id| member(id, None)))
        .collect()
}

/// Names differences.
fn digest(name: Option<&str>, differences: &[Difference]) -> String {
    let text = serde_json::json!([name, differences]).to_string();
    let hash = Sha256::digest(text.as_bytes());
    hash.iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// An object is managed by one file.
fn not_of_others(
    model: &Model,
    name: Option<&str>,
    wanted: &Wanted,
    changed: &BTreeSet<ObjectId>,
) -> Result<(), ApiError> {
    let mut problems = Vec::new();
    for (other, members) in model.files() {
        if Some(other.as_str()) == name {
            continue;
        }
        for (id, path) in members {
            let named = name.is_some() && wanted.objects.contains_key(id);
            let is_there = model.topology.object(*id).is_some();
            if is_there && (named || changed.contains(id)) {
                problems.push(InvalidProperty {
                    object: None,
                    property: wanted.paths.get(id).cloned().unwrap_or(id.to_string()),
                    message: format!(
                        "is managed by the file '{other}' (as {path}): change it there, or let that file go \
                         by weft forget {other}"
                    ),
                });
            }
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(ApiError::InTheWay(problems))
}

fn warnings(model: &Model, wanted: &Wanted) -> Vec<String> {
    let objects = TABLES.iter().flat_map(|kind| model.topology.of_kind(*kind));
    let named: BTreeMap<(Kind, String), ObjectId> = objects
        .map(|object| ((object.kind(), own_name(object)), object.id()))
        .collect();
    let new = wanted
        .objects
        .iter()
        .filter(|(id, _)| model.topology.object(**id).is_none());
    new.map(|(id, object)| (id, own_name(object)))
        .filter(|(_, name)| !name.is_empty())
        .filter_map(|(id, name)| {
            let kind = id.kind.name().replace('_', " ");
            let path = wanted.paths.get(id)?;
            let other = named.get(&(id.kind, name.clone()))?;
            Some(format!(
                "there is a {kind} called '{name}' already, and this makes another one; to use that one, write \
                 id = \"{}\" below [{path}]",
                other.id
            ))
        })
        .collect()
}

/// The name of an object of one of the tables.
fn own_name(object: &Object) -> String {
    match object {
        Object::Bridge(bridge) => bridge.name.clone(),
        Object::Chain(chain) => chain.name.clone(),
        Object::PortGroup(group) => group.name.clone(),
        Object::AddressGroup(group) => group.name.clone(),
        _ => String::new(),
    }
}

/// Before and after.
struct Sides<'a> {
    before: &'a Topology,
    after: &'a Topology,
    wanted: &'a Wanted,
    known: &'a Members,
    /// What the file calls, or called, its objects.
    paths: &'a BTreeMap<ObjectId, String>,
}

impl Sides<'_> {
    /// A difference and its place among others.
    fn of(&self, change: &Change) -> (String, Difference) {
        let id = change.id();
        let before = self.before.object(id);
        let after = self.after.object(id);
        let action = match (before, after) {
            (None, _) => Action::Create,
            (Some(_), None) => Action::Remove,
            (Some(_), Some(_)) => Action::Change,
        };
        let fields = difference::fields(
            before.map(|object| (object, self.before)),
            after.map(|object| (object, self.after)),
        );
        self.difference(id, action, fields)
    }

    /// Objects that the file names, that are so already, and that it did not manage.
    fn taken_over(&self, changed: &BTreeSet<ObjectId>) -> Vec<(String, Difference)> {
        let ids = self.wanted.objects.keys();
        let new = ids.filter(|id| !self.known.contains_key(*id) && !changed.contains(id));
        new.map(|id| self.difference(*id, Action::TakeOver, Vec::new()))
            .collect()
    }

    /// Objects that the file managed, that it names no more, and that are gone already.
    fn forgotten(&self) -> Vec<(String, Difference)> {
        let ids = self.known.keys();
        let gone = ids.filter(|id| {
            !self.wanted.objects.contains_key(*id) && self.before.object(**id).is_none()
        });
        gone.map(|id| self.difference(*id, Action::Forget, Vec::new()))
            .collect()
    }

    fn difference(
        &self,
        id: ObjectId,
        action: Action,
        fields: Vec<weft_wire::apply::FieldDifference>,
    ) -> (String, Difference) {
        let path = self.paths.get(&id).cloned();
        let what = match (self.after.object(id), self.before.object(id)) {
            (Some(object), _) => label(object, self.after, self.paths),
            (None, Some(object)) => label(object, self.before, self.paths),
            (None, None) => path.clone().unwrap_or(id.to_string()),
        };
        let place = path.as_deref().map(sortable);
        let place = place.unwrap_or_else(|| format!("~{what}"));
        let difference = Difference {
            action,
            what,
            object: id,
            in_file: path.is_some(),
            fields,
        };
        (place, difference)
    }
}

/// A path by whose order a list's tenth entry comes after its second.
fn sortable(path: &str) -> String {
    let Some((before, rest)) = path.rsplit_once('[') else {
        return path.to_owned();
    };
    match rest.strip_suffix(']').map(str::parse::<usize>) {
        Some(Ok(place)) => format!("{before}[{place:09}]"),
        _ => path.to_owned(),
    }
}

/// An error about objects becomes one about the file's entries.
fn in_words_of(wanted: &Wanted, mut error: ApiError) -> ApiError {
    if let ApiError::Invalid(problems) | ApiError::InTheWay(problems) = &mut error {
        for problem in problems {
            let Some(path) = problem.object.and_then(|id| wanted.paths.get(&id)) else {
                continue;
            };
            let field = field_of(&problem.property);
            problem.property = format!("{path}.{field}");
            problem.object = None;
        }
    }
    error
}

/// What the file calls a property of an object.
fn field_of(property: &str) -> &str {
    match property {
        "tenantId" => "tenant",
        "adminStateUp" => "up",
        "vlanAware" => "vlan_aware",
        "serverAddr" => "server",
        "defaultGateway" => "gateway",
        "dnsServers" => "dns",
        "interfaceMtu" => "mtu",
        "leaseSeconds" => "lease_seconds",
        "staticRoutes" => "routes",
        "addr" => "address",
        "vifId" => "vif",
        "binding" => "bind",
        "inboundFilter" => "inbound",
        "outboundFilter" => "outbound",
        "portGroups" => "groups",
        "action.chain" => "chain",
        "action.targets" => "targets",
        "condition.fragmentPolicy" => "fragments",
        "condition.etherType" => "ether_type",
        "condition.sourcePort" => "source_port",
        "condition.destinationPort" => "destination_port",
        "condition.source" => "source",
        "condition.destination" => "destination",
        "condition.vlan" => "vlan",
        other => other,
    }
}
