//! What things are called: the file's name, its keys, and the ids behind them.

use std::collections::BTreeMap;

use uuid::Uuid;
use weft_topology::id::{BridgeId, PortId, derived_id};
use weft_topology::{Kind, Object, ObjectId, Topology};
use weft_wire::topology_file::{BridgeEntry, PortEntry};

use crate::error::ApiError;

/// Below it are the ids of bridges that are known by their key alone. Never to be changed.
const FILES: Uuid = Uuid::from_u128(0x0f93_5b3c_8d1e_4b5a_9a70_6d0f_77f1_1e57);
/// Longest name of a file.
const LONGEST: usize = 64;

/// The id of a bridge that a file names.
pub(super) fn bridge_id(file: Option<&str>, key: &str, entry: &BridgeEntry) -> BridgeId {
    let of_key = || {
        let path = format!("{}/{key}", file.unwrap_or_default());
        derived_id(Kind::Bridge, FILES, &path)
    };
    BridgeId(entry.id.or_else(|| key.parse().ok()).unwrap_or_else(of_key))
}

/// The id of a port that a file names.
pub(super) fn port_id(bridge: BridgeId, key: &str, entry: &PortEntry) -> PortId {
    let of_key = || derived_id(Kind::Port, bridge.0, key);
    PortId(entry.id.or_else(|| key.parse().ok()).unwrap_or_else(of_key))
}

/// What a file calls a bridge.
pub(super) fn bridge_path(key: &str) -> String {
    format!("bridge.{}", quoted(key))
}

/// What a file calls a port.
pub(super) fn port_path(bridge: &str, key: &str) -> String {
    format!("{}.port.{}", bridge_path(bridge), quoted(key))
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
    let bridge = |id: BridgeId| match paths.get(&id.into()) {
        Some(path) => unquoted(path.strip_prefix("bridge.").unwrap_or(path)),
        None => match topology.bridge(id) {
            Some(bridge) if !bridge.name.is_empty() => format!("{} ({id})", bridge.name),
            _ => id.to_string(),
        },
    };
    let port = |id: PortId| match paths.get(&id.into()).and_then(|path| port_of(path)) {
        Some(key) => key,
        None => id.to_string(),
    };
    match object {
        Object::Bridge(own) => match paths.contains_key(&own.id.into()) {
            true => format!("bridge {}", bridge(own.id)),
            false if own.name.is_empty() => format!("bridge {}", own.id),
            false => format!("bridge {} ({})", own.name, own.id),
        },
        Object::Port(own) => match own.bridge() {
            Some(of) => format!("port {} of bridge {}", port(own.id), bridge(of)),
            None => format!("port {}", own.id),
        },
        Object::DhcpSubnet(own) => {
            format!("subnet {} of bridge {}", own.prefix, bridge(own.bridge))
        }
        Object::DhcpHost(own) => format!("DHCP host {} of bridge {}", own.mac, bridge(own.bridge)),
        Object::ArpEntry(own) => format!("ARP entry {} of bridge {}", own.ip, bridge(own.bridge)),
        Object::MacEntry(own) => {
            let vlan = match own.vlan {
                0 => String::new(),
                vlan => format!(" (VLAN {vlan})"),
            };
            format!(
                "MAC entry {}{vlan} of bridge {}",
                own.mac,
                bridge(own.bridge)
            )
        }
        other => other.id().to_string().replacen('/', " ", 1),
    }
}

/// The last part of a port's path.
fn port_of(path: &str) -> Option<String> {
    let (_, key) = path.rsplit_once(".port.")?;
    Some(unquoted(key))
}
