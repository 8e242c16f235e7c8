//! `/ports/ID/link`: two ports become one wire. POST links, DELETE takes the link away; both ends change
//! in one transaction.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use weft_topology::Change;
use weft_topology::id::PortId;
use weft_topology::port::Port;

use super::{App, generic, port};
use crate::error::ApiError;
use crate::http::{Call, Media, body};

const MEDIA: Media = Media::new("PortLink", &[1]);

pub(super) fn routes() -> Router<App> {
    Router::new().route("/ports/{port}/link", post(link).delete(unlink))
}

/// What counts in the body; clients send the whole port with it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PortLink {
    peer_id: PortId,
}

async fn link(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    MEDIA.check_body(&call.headers)?;
    let fields = body::overlay(body::Fields::new(), body::fields(&call.body)?);
    let wanted: PortLink = body::resource(fields)?;
    let path = app
        .write(|model| {
            let one = port::of_path(&model.topology, &call.args)?;
            let other = model.topology.port(wanted.peer_id).cloned();
            let other = other.ok_or_else(|| generic::missing(wanted.peer_id))?;
            let path = format!("/ports/{}", one.id);
            if one.id == other.id {
                return Err(ApiError::property(
                    "peerId",
                    "a port cannot be its own peer",
                ));
            }
            if one.peer == Some(other.id) && other.peer == Some(one.id) {
                return Ok((Vec::new(), path));
            }
            Ok((vec![linked(&one, &other)?, linked(&other, &one)?], path))
        })
        .await?;
    Ok(generic::created(&call.urls, &path))
}

fn linked(port: &Port, peer: &Port) -> Result<Change, ApiError> {
    let id = port.id;
    if let Some(other) = port.peer {
        let message = format!("port {id} is linked to port {other} already");
        return Err(ApiError::Conflict(message));
    }
    if let Some(binding) = &port.binding {
        let (interface, host) = (&binding.interface, binding.host);
        let message = format!("port {id} is bound to interface {interface} of host {host}");
        return Err(ApiError::Conflict(message));
    }
    let mut port = port.clone();
    port.peer = Some(peer.id);
    Ok(Change::Put(port.into()))
}

async fn unlink(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    app.write(|model| {
        let one = port::of_path(&model.topology, &call.args)?;
        let other = one.peer.and_then(|peer| model.topology.port(peer));
        let ends = [Some(&one), other].into_iter().flatten();
        let changes = ends.map(|end| {
            let mut end = Port::clone(end);
            end.peer = None;
            Change::Put(end.into())
        });
        Ok((changes.collect(), ()))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
