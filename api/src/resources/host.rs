//! `/hosts`: hypervisors. A host makes itself; a client may weigh it, and remove it when it is dead.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use weft_topology::id::HostId;
use weft_topology::{Change, Kind, Object, Topology, host};

use super::generic::{self, Resource, missing};
use super::{App, View, interface, port};
use crate::error::ApiError;
use crate::http::path::Args;
use crate::http::{Call, Media, Number};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/hosts", generic::listing::<Host>(Host::list))
        .route(
            "/hosts/{host}",
            generic::changeable::<Host>().delete(remove),
        )
}

/// A host's JSON form.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Host {
    #[serde(default = "one")]
    flooding_proxy_weight: Number<i32>,
    #[serde(flatten, skip_deserializing)]
    shown: Shown,
}

/// What cannot be written.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: Option<Uuid>,
    uri: String,
    name: String,
    alive: bool,
    addresses: Vec<String>,
    host_interfaces: Vec<interface::Interface>,
    interfaces: String,
    ports: String,
    container_weight: u32,
    container_limit: i32,
    enforce_container_limit: bool,
}

fn one() -> Number<i32> {
    Number(1)
}

/// The host that a path names.
pub(super) fn of_path(topology: &Topology, args: &Args) -> Result<Arc<host::Host>, ApiError> {
    let id: HostId = args.id("host")?;
    topology.host(id).cloned().ok_or_else(|| missing(id))
}

impl Resource for Host {
    type Object = host::Host;

    const MEDIA: Media = Media::new("Host", &[3, 2]);

    fn list(topology: &Topology, _: &Args) -> Result<Vec<Arc<host::Host>>, ApiError> {
        let hosts = topology
            .of_kind(Kind::Host)
            .filter_map(|object| match object {
                Object::Host(host) => Some(host.clone()),
                _ => None,
            });
        Ok(hosts.collect())
    }

    fn find(topology: &Topology, args: &Args) -> Result<Arc<host::Host>, ApiError> {
        of_path(topology, args)
    }

    fn show(host: &host::Host, view: &View) -> Self {
        let uri = view.urls.to(&Self::path(host, view.topology));
        let state = view.host_state(host.id);
        let interfaces = interface::Interface::of(host.id, &state, view);
        Self {
            flooding_proxy_weight: Number(host.flooding_proxy_weight),
            shown: Shown {
                id: Some(host.id.0),
                name: host.name.clone(),
                alive: state.alive,
                addresses: interfaces
                    .iter()
                    .flat_map(|i| i.addresses.clone())
                    .collect(),
                host_interfaces: interfaces,
                interfaces: format!("{uri}/interfaces"),
                ports: format!("{uri}/ports"),
                uri,
                container_weight: 1,
                container_limit: -1,
                enforce_container_limit: false,
            },
        }
    }

    fn path(host: &host::Host, _: &Topology) -> String {
        format!("/hosts/{}", host.id)
    }

    fn create(self, topology: &Topology, args: &Args) -> Result<host::Host, ApiError> {
        let host = of_path(topology, args)?;
        self.update(&host, topology, args)
    }

    fn update(self, old: &host::Host, _: &Topology, _: &Args) -> Result<host::Host, ApiError> {
        Ok(host::Host {
            flooding_proxy_weight: self.flooding_proxy_weight.0,
            ..old.clone()
        })
    }
}

/// A host that lives, or has ports, is not removed: it would come back, or lose them.
async fn remove(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    app.write(|model| {
        let host = of_path(&model.topology, &call.args)?;
        if app.host_state(host.id).alive {
            let message = format!("host {} ({}) is alive", host.id, host.name);
            return Err(ApiError::Forbidden(message));
        }
        if let Some(port) = port::ports_of(&model.topology, host.id.into()).first() {
            let message = format!("host {} ({}) has port {}", host.id, host.name, port.id);
            return Err(ApiError::Forbidden(message));
        }
        Ok((vec![Change::Gone(host.id.into())], ()))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
