//! Which interface carries a port: the store decides. A REST client and an agent ask by the same
//! function.
//!
//! | the port is bound to | the interface carries | answer |
//! |---|---|---|
//! | nothing, or another host | nothing | bound; the host before it is noted |
//! | the same interface | this port | bound already |
//! | another interface of this host, which is there | | refused |
//! | another interface of this host, which is not | nothing | moved |
//! | | another port | refused |

use weft_store::Revision;
use weft_topology::id::{HostId, PortId};
use weft_topology::port::{Binding, Port};
use weft_topology::{Change, ObjectId};

use super::Service;
use crate::error::ApiError;
use crate::model::Model;

impl Service {
    /// Binds a port to an interface of a host. No tunnel zone is needed. Returns the revision at which it
    /// is so.
    pub(crate) async fn bind(&self, port: PortId, wanted: Binding) -> Result<Revision, ApiError> {
        let state = self.host_state(wanted.host);
        let plan = |model: &Model| {
            let present = |interface: &str| state.has_interface(interface);
            Ok((bound(model, port, &wanted, present)?, ()))
        };
        self.write_at(plan).await.map(|((), revision)| revision)
    }

    /// Releases a port from a host, if that has it. Returns the revision at which it has it not.
    pub(crate) async fn unbind(&self, port: PortId, host: HostId) -> Result<Revision, ApiError> {
        let plan = |model: &Model| {
            let Some(old) = model.topology.port(port) else {
                return Ok((Vec::new(), ()));
            };
            let here = |binding: &Binding| binding.host == host;
            if !old.binding.as_ref().is_some_and(here) {
                return Ok((Vec::new(), ()));
            }
            let mut new = Port::clone(old);
            new.binding = None;
            new.previous_host = Some(host);
            Ok((vec![Change::Put(new.into())], ()))
        };
        self.write_at(plan).await.map(|((), revision)| revision)
    }
}

/// The changes that bind a port. `present` says whether the host has an interface now.
pub(crate) fn bound(
    model: &Model,
    id: PortId,
    wanted: &Binding,
    present: impl Fn(&str) -> bool,
) -> Result<Vec<Change>, ApiError> {
    let (host, interface) = (wanted.host, &wanted.interface);
    let missing = |id: ObjectId| ApiError::NotFound(format!("there is no {id}"));
    let port = model.topology.port(id).ok_or_else(|| missing(id.into()))?;
    if model.topology.host(host).is_none() {
        return Err(missing(host.into()));
    }
    if port.binding.as_ref() == Some(wanted) {
        return Ok(Vec::new());
    }
    if let Some(peer) = port.peer {
        return Err(ApiError::Conflict(format!(
            "port {id} is linked to port {peer}: it cannot be bound to an interface"
        )));
    }
    if let Some(other) = model.topology.port_by_binding(wanted) {
        return Err(ApiError::Conflict(format!(
            "interface {interface} of host {host} carries port {other} already"
        )));
    }
    let mut new = Port::clone(port);
    if let Some(old) = &port.binding {
        if old.host == host && present(&old.interface) {
            return Err(ApiError::Conflict(format!(
                "port {id} is bound to interface {} of the same host, which is there; unbind it first",
                old.interface
            )));
        }
        if old.host != host {
            new.previous_host = Some(old.host);
        }
    }
    new.binding = Some(wanted.clone());
    Ok(vec![Change::Put(new.into())])
}
