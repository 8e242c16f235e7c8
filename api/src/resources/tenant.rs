//! `/tenants`: whoever owns something. They are found in the objects, not kept.

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use weft_topology::{Object, Topology};

use super::{App, generic};
use crate::error::ApiError;
use crate::http::urls::encoded;
use crate::http::{Call, Media, Urls};

const MEDIA: Media = Media::new("Tenant", &[2, 1]);

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/tenants", get(list))
        .route("/tenants/{tenant}", get(read))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tenant {
    id: String,
    name: String,
    description: String,
    enabled: bool,
    uri: String,
    bridges: String,
    routers: String,
    chains: String,
    port_groups: String,
    ports: String,
}

impl Tenant {
    fn show(id: &str, urls: &Urls) -> Self {
        let encoded = encoded(id);
        let of = |path: &str| urls.to(&format!("/{path}?tenant_id={encoded}"));
        Self {
            id: id.to_owned(),
            name: id.to_owned(),
            description: String::new(),
            enabled: true,
            uri: urls.to(&format!("/tenants/{encoded}")),
            bridges: of("bridges"),
            routers: of("routers"),
            chains: of("chains"),
            port_groups: of("port_groups"),
            ports: of("ports"),
        }
    }
}

fn tenants(topology: &Topology) -> BTreeSet<&str> {
    let owners = topology.objects().filter_map(|object| match object {
        Object::Bridge(bridge) => bridge.tenant_id.as_deref(),
        Object::Router(router) => router.tenant_id.as_deref(),
        Object::Port(port) => port.tenant_id.as_deref(),
        Object::Chain(chain) => chain.tenant_id.as_deref(),
        Object::PortGroup(group) => group.tenant_id.as_deref(),
        Object::AddressGroup(group) => group.tenant_id.as_deref(),
        _ => None,
    });
    owners.collect()
}

async fn list(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let media = MEDIA.collection().answer(&call.headers)?;
    let model = app.current();
    let tenants = tenants(&model.topology).into_iter();
    let shown: Vec<Tenant> = tenants.map(|id| Tenant::show(id, &call.urls)).collect();
    Ok(generic::answer(&media, &shown))
}

async fn read(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let media = MEDIA.answer(&call.headers)?;
    let id = call.args.text("tenant");
    if !tenants(&app.current().topology).contains(id) {
        return Err(call.args.unknown("tenant"));
    }
    Ok(generic::answer(&media, &Tenant::show(id, &call.urls)))
}
