//! `/hosts/ID/bindings`: a host asks for a port, or gives it back.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use weft_topology::port::Binding;
use weft_wire::host::{BindingAnswer, BindingRequest};

use crate::error::ApiError;
use crate::http::Call;
use crate::resources::App;

/// 201 when the host has the port, also when it had it already.
pub(super) async fn bind(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let host = super::host_of(&app, &call)?;
    let BindingRequest { port, interface } = super::message(&call)?;
    let bound = app.bind(port, Binding { host, interface }).await;
    let revision = bound.map_err(|error| error.naming(&[("binding", "interface")]))?;
    let mut answer = super::answer(&BindingAnswer { revision });
    *answer.status_mut() = StatusCode::CREATED;
    Ok(answer)
}

/// 200 when the host does not have the port, also when it had not: an unplug that is repeated, or
/// whose port was deleted, is done.
pub(super) async fn unbind(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let host = super::host_of(&app, &call)?;
    let revision = app.unbind(call.args.id("port")?, host).await?;
    Ok(super::answer(&BindingAnswer { revision }))
}
