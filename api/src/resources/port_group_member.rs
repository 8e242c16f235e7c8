//! `/port_groups/ID/ports` and `/ports/ID/port_groups`: which ports are in which groups. A POST puts a
//! port into a group, a DELETE takes it out. A POST may be repeated.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use weft_topology::id::{PortGroupId, PortId};
use weft_topology::port::Port;
use weft_topology::{Change, Topology};

use super::{App, generic, port, port_group};
use crate::error::ApiError;
use crate::http::path::Args;
use crate::http::{Call, Media, Urls, body};

const MEDIA: Media = Media::new("PortGroupPort", &[1]);

pub(super) fn routes() -> Router<App> {
    const MEMBERS: &str = "/port_groups/{port_group}/ports";
    Router::new()
        .route(MEMBERS, get(members).post(join))
        .route(&format!("{MEMBERS}/{{port}}"), get(read).delete(leave))
        .route("/ports/{port}/port_groups", get(groups))
}

/// What a client sends.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    port_id: PortId,
}

/// A membership's JSON form.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PortGroupPort {
    uri: String,
    port_group_id: PortGroupId,
    port_group: String,
    port_id: PortId,
    port: String,
}

impl PortGroupPort {
    fn show(group: PortGroupId, port: PortId, urls: &Urls) -> Self {
        Self {
            uri: urls.to(&path(group, port)),
            port_group_id: group,
            port_group: urls.to(&format!("/port_groups/{group}")),
            port_id: port,
            port: urls.to(&format!("/ports/{port}")),
        }
    }
}

fn path(group: PortGroupId, port: PortId) -> String {
    format!("/port_groups/{group}/ports/{port}")
}

/// The group that a path names, and the port that is in it.
fn of_path(topology: &Topology, args: &Args) -> Result<(PortGroupId, Arc<Port>), ApiError> {
    let group = port_group::of_path(topology, args)?;
    let port = port::of_path(topology, args)?;
    if !port.port_groups.contains(&group) {
        let message = format!("port {} is not in port group {group}", port.id);
        return Err(ApiError::NotFound(message));
    }
    Ok((group, port))
}

async fn members(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let media = MEDIA.collection().answer(&call.headers)?;
    let topology = &app.current().topology;
    let group = port_group::of_path(topology, &call.args)?;
    let ports = port::ports_of(topology, group.into());
    let shown = ports
        .iter()
        .map(|port| PortGroupPort::show(group, port.id, &call.urls));
    Ok(generic::answer(&media, &shown.collect::<Vec<_>>()))
}

async fn groups(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let media = MEDIA.collection().answer(&call.headers)?;
    let port = port::of_path(&app.current().topology, &call.args)?;
    let groups = port.port_groups.iter();
    let shown = groups.map(|group| PortGroupPort::show(*group, port.id, &call.urls));
    Ok(generic::answer(&media, &shown.collect::<Vec<_>>()))
}

async fn read(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let media = MEDIA.answer(&call.headers)?;
    let (group, port) = of_path(&app.current().topology, &call.args)?;
    let shown = PortGroupPort::show(group, port.id, &call.urls);
    Ok(generic::answer(&media, &shown))
}

async fn join(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    MEDIA.check_body(&call.headers)?;
    let fields = body::overlay(body::Fields::new(), body::fields(&call.body)?);
    let wanted: Wanted = body::resource(fields)?;
    let path = app
        .write(|model| {
            let group = port_group::of_path(&model.topology, &call.args)?;
            let Some(port) = model.topology.port(wanted.port_id) else {
                let problem = format!("there is no port {}", wanted.port_id);
                return Err(ApiError::property("portId", problem));
            };
            let mut port = Port::clone(port);
            port.port_groups.insert(group);
            Ok((vec![Change::Put(port.into())], path(group, wanted.port_id)))
        })
        .await?;
    Ok(generic::created(&call.urls, &path))
}

async fn leave(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    app.write(|model| {
        let (group, port) = of_path(&model.topology, &call.args)?;
        let mut port = Port::clone(&port);
        port.port_groups.remove(&group);
        Ok((vec![Change::Put(port.into())], ()))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
