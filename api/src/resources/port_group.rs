//! `/port_groups`: named sets of ports.

use std::sync::Arc;

use axum::Router;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use weft_topology::chain;
use weft_topology::id::{PortGroupId, PortId};
use weft_topology::{Kind, Object, Topology};

use super::generic::{self, Resource, missing};
use super::{App, View, port};
use crate::error::ApiError;
use crate::http::Media;
use crate::http::path::Args;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/port_groups", generic::collection::<PortGroup>())
        .route("/port_groups/{port_group}", generic::item::<PortGroup>())
}

/// A port group's JSON form.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PortGroup {
    #[serde(default)]
    id: Option<Uuid>,
    #[serde(default)]
    tenant_id: Option<String>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    stateful: bool,
    #[serde(flatten, skip_deserializing)]
    shown: Shown,
}

/// What cannot be written.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    uri: String,
    ports: String,
    /// Weft's own: its members.
    port_ids: Vec<PortId>,
}

/// The group that a path names.
pub(super) fn of_path(topology: &Topology, args: &Args) -> Result<PortGroupId, ApiError> {
    PortGroup::find(topology, args).map(|group| group.id)
}

impl Resource for PortGroup {
    type Object = chain::PortGroup;

    const MEDIA: Media = Media::new("PortGroup", &[1]);

    /// `?port_id=P`: those that the port is in.
    fn list(topology: &Topology, args: &Args) -> Result<Vec<Arc<chain::PortGroup>>, ApiError> {
        let member = args.query.get("port_id").map(|text| text.parse::<PortId>());
        let member = member
            .transpose()
            .map_err(|error| ApiError::property("port_id", format!("is no port's id: {error}")))?;
        let groups = topology
            .of_kind(Kind::PortGroup)
            .filter_map(|object| match object {
                Object::PortGroup(group) => Some(group.clone()),
                _ => None,
            });
        let of_member = |group: &Arc<chain::PortGroup>| {
            let port = member.map(|port| topology.port(port));
            port.is_none_or(|port| port.is_some_and(|it| it.port_groups.contains(&group.id)))
        };
        Ok(groups.filter(of_member).collect())
    }

    fn find(topology: &Topology, args: &Args) -> Result<Arc<chain::PortGroup>, ApiError> {
        let id: PortGroupId = args.id("port_group")?;
        topology.port_group(id).cloned().ok_or_else(|| missing(id))
    }

    fn show(group: &chain::PortGroup, view: &View) -> Self {
        let uri = view.urls.to(&Self::path(group, view.topology));
        let members = port::ports_of(view.topology, group.id.into());
        Self {
            id: Some(group.id.0),
            tenant_id: group.tenant_id.clone(),
            name: group.name.clone(),
            stateful: group.stateful,
            shown: Shown {
                ports: format!("{uri}/ports"),
                port_ids: members.iter().map(|port| port.id).collect(),
                uri,
            },
        }
    }

    fn path(group: &chain::PortGroup, _: &Topology) -> String {
        format!("/port_groups/{}", group.id)
    }

    fn create(self, _: &Topology, _: &Args) -> Result<chain::PortGroup, ApiError> {
        let id = PortGroupId(self.id.unwrap_or_else(Uuid::new_v4));
        Ok(self.object(id))
    }

    fn update(
        self,
        old: &chain::PortGroup,
        _: &Topology,
        _: &Args,
    ) -> Result<chain::PortGroup, ApiError> {
        Ok(self.object(old.id))
    }

    fn tenant<'a>(group: &'a chain::PortGroup, _: &'a Topology) -> Option<&'a str> {
        group.tenant_id.as_deref()
    }
}

impl PortGroup {
    fn object(self, id: PortGroupId) -> chain::PortGroup {
        chain::PortGroup {
            id,
            tenant_id: self.tenant_id,
            name: self.name,
            stateful: self.stateful,
        }
    }
}
