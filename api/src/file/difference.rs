//! What differs between two states of an object, in the words of the file.

use serde_json::{Value, json};
use weft_topology::dhcp::DhcpOption;
use weft_topology::{Object, Topology};
use weft_wire::apply::FieldDifference;

/// The properties in which two states of an object differ; of a new one those that it has.
pub(super) fn fields(
    before: Option<(&Object, &Topology)>,
    after: Option<(&Object, &Topology)>,
) -> Vec<FieldDifference> {
    let facts = |state: Option<(&Object, &Topology)>| match state {
        Some((object, topology)) => facts(object, topology),
        None => Vec::new(),
    };
    let (before, after) = (facts(before), facts(after));
    let longer = if after.is_empty() { &before } else { &after };
    let value = |facts: &[(&'static str, Value)], place: usize| {
        facts
            .get(place)
            .map_or(Value::Null, |(_, value)| value.clone())
    };
    longer
        .iter()
        .enumerate()
        .map(|(place, (field, _))| FieldDifference {
            field: (*field).to_owned(),
            before: value(&before, place),
            after: value(&after, place),
        })
        .filter(|field| field.before != field.after)
        .collect()
}

/// What a file says of an object: as many properties, in the same order, for every object of a kind.
fn facts(object: &Object, topology: &Topology) -> Vec<(&'static str, Value)> {
    match object {
        Object::Bridge(bridge) => vec![
            ("name", json!(bridge.name)),
            ("tenant", json!(bridge.tenant_id)),
            ("up", json!(bridge.admin_state_up)),
            ("mtu", json!(bridge.mtu)),
            ("vlan_aware", json!(bridge.vlan_aware)),
        ],
        Object::Port(port) => vec![
            ("tenant", json!(port.tenant_id)),
            ("up", json!(port.admin_state_up)),
            ("vlan", json!(port.vlan)),
            ("vif", json!(port.vif_id)),
            ("peer", json!(port.peer)),
            (
                "bind",
                json!(port.binding.as_ref().map(|binding| {
                    let host = topology.host(binding.host);
                    let host = host.map_or(binding.host.to_string(), |host| host.name.clone());
                    format!("{} of host {host}", binding.interface)
                })),
            ),
        ],
        Object::DhcpSubnet(subnet) => vec![
            ("enabled", json!(subnet.enabled)),
            ("gateway", json!(subnet.default_gateway)),
            ("server", json!(subnet.server_addr)),
            ("dns", list(json!(subnet.dns_servers))),
            ("mtu", json!(subnet.interface_mtu)),
            ("lease_seconds", json!(subnet.lease_seconds)),
            (
                "routes",
                list(
                    subnet
                        .static_routes
                        .iter()
                        .map(|route| json!(format!("{} via {}", route.destination, route.gateway)))
                        .collect(),
                ),
            ),
            ("options", options(&subnet.options)),
        ],
        Object::DhcpHost(host) => vec![
            ("address", json!(host.addr)),
            ("name", json!(host.name)),
            ("options", options(&host.options)),
        ],
        Object::MacEntry(entry) => vec![("port", json!(entry.port))],
        Object::ArpEntry(entry) => vec![("mac", json!(entry.mac))],
        _ => Vec::new(),
    }
}

fn options(options: &[DhcpOption]) -> Value {
    let texts = options.iter();
    list(
        texts
            .map(|option| json!(format!("{}={}", option.code, option.value)))
            .collect(),
    )
}

/// A list; an empty one is nothing.
fn list(value: Value) -> Value {
    match value {
        Value::Array(items) if items.is_empty() => Value::Null,
        other => other,
    }
}
