//! `GET /ports?prefix=HEX`: the port that a tap is named after.

use axum::extract::State;
use axum::response::Response;
use weft_topology::id::PortId;
use weft_topology::{Kind, Object};
use weft_wire::host::PortsFound;

use crate::error::ApiError;
use crate::http::Call;
use crate::resources::App;

/// Shortest prefix that is looked for: shorter ones would name a port by accident.
const SHORTEST: usize = 8;

/// At most two ports: more than one is as good as none.
pub(super) async fn find(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let prefix = call
        .args
        .query
        .get("prefix")
        .map(|prefix| prefix.to_ascii_lowercase())
        .unwrap_or_default();
    let digits = |c: char| c.is_ascii_hexdigit() || c == '-';
    if prefix.len() < SHORTEST || !prefix.chars().all(digits) {
        return Err(ApiError::property(
            "prefix",
            format!("want the first {SHORTEST} or more characters of a port's id"),
        ));
    }
    let model = app.current();
    let ports: Vec<PortId> = model
        .topology
        .of_kind(Kind::Port)
        .filter_map(|object| match object {
            Object::Port(port) if port.id.to_string().starts_with(&prefix) => Some(port.id),
            _ => None,
        })
        .take(2)
        .collect();
    Ok(super::answer(&PortsFound { ports }))
}
