//! `/hosts/ID/ports`: which interfaces of a host carry which ports. A POST binds, a DELETE releases.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use weft_topology::Topology;
use weft_topology::id::{HostId, PortId};
use weft_topology::port::{Binding, Port};

use super::{App, generic, host, port};
use crate::error::ApiError;
use crate::http::path::Args;
use crate::http::{Call, Media, Urls, body};

const MEDIA: Media = Media::new("HostInterfacePort", &[1]);

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/hosts/{host}/ports", get(list).post(bind))
        .route("/hosts/{host}/ports/{port}", get(read).delete(unbind))
}

/// What a client sends.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    port_id: PortId,
    interface_name: String,
}

/// A binding's JSON form.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HostInterfacePort {
    uri: String,
    host_id: HostId,
    host: String,
    port_id: PortId,
    port: String,
    interface_name: String,
}

impl HostInterfacePort {
    fn show(port: &Port, urls: &Urls) -> Option<Self> {
        let Binding { host, interface } = port.binding.as_ref()?;
        Some(Self {
            uri: urls.to(&path(*host, port.id)),
            host_id: *host,
            host: urls.to(&format!("/hosts/{host}")),
            port_id: port.id,
            port: urls.to(&format!("/ports/{}", port.id)),
            interface_name: interface.clone(),
        })
    }
}

fn path(host: HostId, port: PortId) -> String {
    format!("/hosts/{host}/ports/{port}")
}

/// The port that a path names, if it is bound to the host that the path names.
fn of_path(topology: &Topology, args: &Args) -> Result<(HostId, Arc<Port>), ApiError> {
    let host = host::of_path(topology, args)?.id;
    let port = port::of_path(topology, args)?;
    let here = |binding: &Binding| binding.host == host;
    if !port.binding.as_ref().is_some_and(here) {
        let message = format!("port {} is not bound to host {host}", port.id);
        return Err(ApiError::NotFound(message));
    }
    Ok((host, port))
}

async fn list(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let media = MEDIA.collection().answer(&call.headers)?;
    let model = app.current();
    let host = host::of_path(&model.topology, &call.args)?.id;
    let ports = port::ports_of(&model.topology, host.into());
    let bindings: Vec<_> = ports
        .iter()
        .filter_map(|port| HostInterfacePort::show(port, &call.urls))
        .collect();
    Ok(generic::answer(&media, &bindings))
}

async fn read(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let media = MEDIA.answer(&call.headers)?;
    let (_, port) = of_path(&app.current().topology, &call.args)?;
    Ok(generic::answer(
        &media,
        &HostInterfacePort::show(&port, &call.urls),
    ))
}

async fn bind(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    MEDIA.check_body(&call.headers)?;
    let host = host::of_path(&app.current().topology, &call.args)?.id;
    let fields = body::overlay(body::Fields::new(), body::fields(&call.body)?);
    let wanted: Wanted = body::resource(fields)?;
    let interface = wanted.interface_name;
    app.bind(wanted.port_id, Binding { host, interface })
        .await
        .map_err(|error| error.naming(&[("binding", "interfaceName")]))?;
    Ok(generic::created(&call.urls, &path(host, wanted.port_id)))
}

async fn unbind(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let (host, port) = of_path(&app.current().topology, &call.args)?;
    app.unbind(port.id, host).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
