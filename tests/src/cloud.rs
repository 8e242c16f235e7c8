//! A topology made through the REST API, as a client of MidoNet makes one.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::rest::Rest;

/// A bridge with one DHCP subnet.
#[derive(Clone, Debug)]
pub struct Network {
    /// The bridge's id.
    pub bridge: String,
    /// The subnet's place in the API, such as `/bridges/ID/dhcp/10.0.0.0_24`.
    pub subnet: String,
}

/// Makes a bridge with the subnet `prefix`.0/24 and its gateway `prefix`.1.
pub fn network(rest: &Rest, name: &str, prefix: &str) -> Result<Network> {
    let bridge = rest.create("/bridges", &json!({ "name": name, "tenantId": "demo" }))?;
    let bridge = id_of(&bridge)?;
    rest.create(
        &format!("/bridges/{bridge}/dhcp"),
        &json!({
            "subnetPrefix": format!("{prefix}.0"),
            "subnetLength": 24,
            "defaultGateway": format!("{prefix}.1"),
            "serverAddr": format!("{prefix}.2"),
            "dnsServerAddrs": [format!("{prefix}.2")],
            "interfaceMTU": 1400,
        }),
    )?;
    let subnet = format!("/bridges/{bridge}/dhcp/{prefix}.0_24");
    Ok(Network { bridge, subnet })
}

/// Makes a port of a bridge.
pub fn port(rest: &Rest, network: &Network) -> Result<String> {
    id_of(&rest.create(
        &format!("/bridges/{}/ports", network.bridge),
        &json!({ "type": "Bridge" }),
    )?)
}

/// Gives a MAC an address in the network's subnet.
pub fn dhcp_host(rest: &Rest, network: &Network, mac: &str, address: &str) -> Result<()> {
    let body = json!({ "macAddr": mac, "ipAddr": address });
    rest.create(&format!("{}/hosts", network.subnet), &body)
        .map(drop)
}

/// Makes a chain with these rules, in this order; the ids of both.
pub fn chain(rest: &Rest, name: &str, rules: &[Value]) -> Result<(String, Vec<String>)> {
    let chain = rest.create("/chains", &json!({ "name": name, "tenantId": "demo" }))?;
    let chain = id_of(&chain)?;
    let mut ids = Vec::new();
    for (rule, position) in rules.iter().zip(1..) {
        ids.push(self::rule(rest, &chain, position, rule)?);
    }
    Ok((chain, ids))
}

/// Puts a rule at a place of a chain, from 1 on; its id.
pub fn rule(rest: &Rest, chain: &str, position: usize, rule: &Value) -> Result<String> {
    let mut body = rule.clone();
    body["position"] = json!(position);
    id_of(&rest.create(&format!("/chains/{chain}/rules"), &body)?)
}

/// Sets the chains of a port: of what its machine sends, and of what goes there.
pub fn filter(rest: &Rest, port: &str, inbound: &str, outbound: &str) -> Result<()> {
    let path = format!("/ports/{port}");
    let mut body = rest.get(&path)?;
    body["inboundFilterId"] = json!(inbound);
    body["outboundFilterId"] = json!(outbound);
    rest.update(&path, &body)
}

/// The `id` of an object of the API.
pub fn id_of(object: &Value) -> Result<String> {
    Ok(object
        .get("id")
        .and_then(Value::as_str)
        .context("an object without id")?
        .to_owned())
}
