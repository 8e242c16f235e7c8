//! `PUT /hosts/ID`: a host says that it is there.

use axum::extract::State;
use axum::response::Response;
use weft_topology::host::Host;
use weft_topology::id::HostId;
use weft_topology::{Change, Kind, Object};
use weft_wire::host::{PROTOCOL, Registered, Registration};

use crate::error::ApiError;
use crate::http::Call;
use crate::resources::App;

/// Makes or renames the host, and renews its lease.
pub(super) async fn register(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let id: HostId = call.args.id("host")?;
    let said: Registration = super::message(&call)?;
    if said.protocol.saturating_add(1) < PROTOCOL {
        return Err(ApiError::Conflict(format!(
            "the agent speaks protocol {}, this service {PROTOCOL} and the one before: update the agent",
            said.protocol
        )));
    }
    app.write(|model| {
        let host = match model.topology.host(id) {
            Some(known) if known.name == said.name => return Ok((Vec::new(), ())),
            Some(known) => Host {
                name: said.name.clone(),
                ..Host::clone(known)
            },
            None => {
                let namesake = model
                    .topology
                    .of_kind(Kind::Host)
                    .find(|object| matches!(object, Object::Host(host) if host.name == said.name));
                if let Some(other) = namesake {
                    tracing::warn!(name = said.name, host = %id, other = %other.id(),
                        "two hosts have one name; the older one can be deleted once it is dead");
                }
                Host {
                    id,
                    name: said.name.clone(),
                    flooding_proxy_weight: 1,
                }
            }
        };
        Ok((vec![Change::Put(host.into())], ()))
    })
    .await?;
    app.heard_of(id).await?;
    Ok(super::answer(&Registered {
        protocol: PROTOCOL,
        store: app.store_id().to_owned(),
        established: app.established(),
    }))
}
