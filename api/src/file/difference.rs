//! What differs between two states of an object, in the words of the file.

use serde_json::{Value, json};
use weft_topology::chain::Chain;
use weft_topology::dhcp::DhcpOption;
use weft_topology::port::{Port, PortSecurity};
use weft_topology::text::Prefix;
use weft_topology::{Object, ObjectId, Topology};
use weft_wire::apply::FieldDifference;

/// The properties in which two states of an object differ; of a new one those that it has.
pub(super) fn fields(
    before: Option<(&Object, &Topology)>,
    after: Option<(&Object, &Topology)>,
) -> Vec<FieldDifference> {
    // What is new, or goes, has its rules beside it.
    let brief = before.is_none() || after.is_none();
    let facts = |state: Option<(&Object, &Topology)>| match state {
        Some((object, topology)) => facts(object, topology, brief),
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
fn facts(object: &Object, topology: &Topology, brief: bool) -> Vec<(&'static str, Value)> {
    let name = |id: Option<ObjectId>| json!(id.map(|id| topology.name_of(id)));
    match object {
        Object::Bridge(bridge) => vec![
            ("name", json!(bridge.name)),
            ("tenant", json!(bridge.tenant_id)),
            ("up", json!(bridge.admin_state_up)),
            ("mtu", json!(bridge.mtu)),
            ("vlan_aware", json!(bridge.vlan_aware)),
            ("inbound", name(bridge.inbound_filter.map(Into::into))),
            ("outbound", name(bridge.outbound_filter.map(Into::into))),
        ],
        Object::Port(port) => vec![
            ("tenant", json!(port.tenant_id)),
            ("up", json!(port.admin_state_up)),
            ("vlan", json!(port.vlan)),
            ("vif", json!(port.vif_id)),
            ("peer", json!(port.peer)),
            ("inbound", name(port.inbound_filter.map(Into::into))),
            ("outbound", name(port.outbound_filter.map(Into::into))),
            (
                "groups",
                list(
                    port.port_groups
                        .iter()
                        .map(|group| name(Some((*group).into())))
                        .collect(),
                ),
            ),
            ("security", security(port)),
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
        Object::Chain(chain) => vec![
            ("name", json!(chain.name)),
            ("tenant", json!(chain.tenant_id)),
            ("rules", rules(chain, topology, brief)),
        ],
        // Its label says it.
        Object::Rule(_) if brief => Vec::new(),
        Object::Rule(rule) => vec![("rule", json!(rule.in_words(&|id| topology.name_of(id))))],
        Object::PortGroup(group) => vec![
            ("name", json!(group.name)),
            ("tenant", json!(group.tenant_id)),
            ("stateful", json!(group.stateful)),
        ],
        Object::AddressGroup(group) => vec![
            ("name", json!(group.name)),
            ("tenant", json!(group.tenant_id)),
        ],
        _ => Vec::new(),
    }
}

/// What may be sent; none at all is something else than no word of it.
fn security(port: &Port) -> Value {
    let Some(PortSecurity { pairs }) = &port.security else {
        return Value::Null;
    };
    let pairs = pairs
        .iter()
        .map(|pair| json!(format!("{} {}", pair.mac, Prefix(pair.prefix))));
    match pairs.collect::<Vec<Value>>() {
        none if none.is_empty() => json!("nothing may be sent"),
        pairs => Value::Array(pairs),
    }
}

/// A chain's rules in their order, or how many there are.
fn rules(chain: &Chain, topology: &Topology, brief: bool) -> Value {
    if brief {
        return json!(chain.rules.len());
    }
    let rules = chain.rules.iter().filter_map(|id| topology.rule(*id));
    let words = rules.map(|rule| json!(rule.in_words(&|id| topology.name_of(id))));
    list(words.collect())
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
