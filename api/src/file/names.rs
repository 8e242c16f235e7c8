//! What things are called: the file's name, its keys, and the ids behind them.

use std::collections::BTreeMap;

use uuid::Uuid;
use weft_topology::chain::Rule;
use weft_topology::id::{BridgeId, ChainId, PortId, RuleId, derived_id};
use weft_topology::text::Prefix;
use weft_topology::{Kind, Object, ObjectId, Topology};
use weft_wire::topology_file::PortEntry;

use crate::error::ApiError;

/// Below it are the ids of objects that are known by their key alone. Never to be changed.
const FILES: Uuid = Uuid::from_u128(0x0f93_5b3c_8d1e_4b5a_9a70_6d0f_77f1_1e57);
/// Longest name of a file.
const LONGEST: usize = 64;

/// The tables of objects that have a name of their own.
pub(super) const TABLES: [Kind; 4] = [
    Kind::Bridge,
    Kind::Chain,
    Kind::PortGroup,
    Kind::AddressGroup,
];

/// The id of an object of one of the [`TABLES`]: the one given, else the key, else derived.
pub(super) fn id_of(file: Option<&str>, kind: Kind, key: &str, given: Option<Uuid>) -> Uuid {
    let of_key = || {
        let path = format!("{}/{key}", file.unwrap_or_default());
        derived_id(kind, FILES, &path)
    };
    given.or_else(|| key.parse().ok()).unwrap_or_else(of_key)
}

/// The name of an object of one of the [`TABLES`]: the one given, else the key, unless that is an id.
pub(super) fn name_of(key: &str, given: Option<&String>) -> String {
    match given {
        Some(name) => name.clone(),
        None if key.parse::<Uuid>().is_ok() => String::new(),
        None => key.to_owned(),
    }
}

/// The id of a port that a file names.
pub(super) fn port_id(bridge: BridgeId, key: &str, entry: &PortEntry) -> PortId {
    let of_key = || derived_id(Kind::Port, bridge.0, key);
    PortId(entry.id.or_else(|| key.parse().ok()).unwrap_or_else(of_key))
}

/// The ids of a chain's rules that are known by what they say alone, whatever ids they have. A rule that
/// moves keeps its id, and so do its neighbours. Of equal ones each has its own.
pub(super) fn rule_ids<'a>(
    chain: ChainId,
    rules: impl IntoIterator<Item = &'a Rule>,
) -> Vec<RuleId> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let ids = rules.into_iter().map(|rule| {
        let says = serde_json::json!([rule.condition, rule.action, rule.log]).to_string();
        let nth = seen.entry(says.clone()).or_default();
        *nth += 1;
        RuleId(derived_id(Kind::Rule, chain.0, &format!("{nth}/{says}")))
    });
    ids.collect()
}

/// What a file calls an object of one of the [`TABLES`].
pub(super) fn path_of(kind: Kind, key: &str) -> String {
    format!("{kind}.{}", quoted(key))
}

/// The key out of what [`path_of`] wrote.
pub(super) fn key_of(kind: Kind, path: &str) -> Option<String> {
    let key = path.strip_prefix(kind.name())?.strip_prefix('.')?;
    Some(unquoted(key))
}

/// What a file calls a port.
pub(super) fn port_path(bridge: &str, key: &str) -> String {
    format!("{}.port.{}", path_of(Kind::Bridge, bridge), quoted(key))
}

/// A key as TOML writes it.
pub(super) fn quoted(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !key.is_empty() && key.chars().all(bare) {
        key.to_owned()
    } else {
        format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// A key out of what [`quoted`] wrote.
pub(super) fn unquoted(key: &str) -> String {
    match key.strip_prefix('"').and_then(|key| key.strip_suffix('"')) {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => key.to_owned(),
    }
}

/// The name of a file is a key of the store, a part of addresses, and shown to people.
pub(crate) fn check_name(name: &str) -> Result<(), ApiError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=LONGEST).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('.') {
        return Ok(());
    }
    Err(ApiError::property(
        "name",
        format!(
            "want 1 to {LONGEST} letters, digits, '-', '_' and '.', and no '.' at the beginning"
        ),
    ))
}

/// What an object is called by people, given what the file calls its own.
pub(super) fn label(
    object: &Object,
    topology: &Topology,
    paths: &BTreeMap<ObjectId, String>,
) -> String {
    let called = |id: ObjectId| called(id, topology, paths);
    match object {
        Object::Bridge(own) => format!("bridge {}", called(own.id.into())),
        Object::Chain(own) => format!("chain {}", called(own.id.into())),
        Object::PortGroup(own) => format!("port group {}", called(own.id.into())),
        Object::AddressGroup(own) => format!("address group {}", called(own.id.into())),
        Object::AddressGroupMember(own) => {
            let group = called(own.group.into());
            format!("{} in address group {group}", Prefix(own.prefix))
        }
        Object::Rule(own) => {
            let chain = topology.chain(own.chain);
            let place = chain.and_then(|chain| chain.rules.iter().position(|id| *id == own.id));
            let place = place.map_or(String::new(), |place| format!(" {}", place + 1));
            let words = own.in_words(&called);
            format!("rule{place} of chain {}: {words}", called(own.chain.into()))
        }
        Object::Port(own) => match own.bridge() {
            Some(of) => format!(
                "port {} of bridge {}",
                called(own.id.into()),
                called(of.into())
            ),
            None => format!("port {}", own.id),
        },
        Object::DhcpSubnet(own) => {
            format!(
                "subnet {} of bridge {}",
                own.prefix,
                called(own.bridge.into())
            )
        }
        Object::DhcpHost(own) => {
            format!(
                "DHCP host {} of bridge {}",
                own.mac,
                called(own.bridge.into())
            )
        }
        Object::ArpEntry(own) => {
            format!(
                "ARP entry {} of bridge {}",
                own.ip,
                called(own.bridge.into())
            )
        }
        Object::MacEntry(own) => {
            let vlan = match own.vlan {
                0 => String::new(),
                vlan => format!(" (VLAN {vlan})"),
            };
            let bridge = called(own.bridge.into());
            format!("MAC entry {}{vlan} of bridge {bridge}", own.mac)
        }
        other => other.id().to_string().replacen('/', " ", 1),
    }
}

/// The key that the file has for an object, else its name and id.
fn called(id: ObjectId, topology: &Topology, paths: &BTreeMap<ObjectId, String>) -> String {
    let of_file = paths.get(&id).and_then(|path| match id.kind {
        Kind::Port => port_of(path),
        kind => key_of(kind, path),
    });
    of_file.unwrap_or_else(|| {
        let name = topology.name_of(id);
        match name == id.id.to_string() {
            true => name,
            false => format!("{name} ({})", id.id),
        }
    })
}

/// The last part of a port's path.
fn port_of(path: &str) -> Option<String> {
    let (_, key) = path.rsplit_once(".port.")?;
    Some(unquoted(key))
}
