//! `/ip_addr_groups`: named sets of IP prefixes.

use std::sync::Arc;

use axum::Router;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use weft_topology::chain::{AddressGroup, AddressGroupMember};
use weft_topology::id::AddressGroupId;
use weft_topology::text::Prefix;
use weft_topology::{Kind, Object, Topology};
use weft_wire::text::Text;

use super::generic::{self, Resource, missing};
use super::{App, View};
use crate::error::ApiError;
use crate::http::Media;
use crate::http::path::Args;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/ip_addr_groups", generic::collection::<IpAddrGroup>())
        .route("/ip_addr_groups/{group}", generic::item::<IpAddrGroup>())
}

/// An address group's JSON form.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IpAddrGroup {
    #[serde(default)]
    id: Option<Uuid>,
    /// Weft's own.
    #[serde(default)]
    tenant_id: Option<String>,
    #[serde(default)]
    name: String,
    #[serde(flatten, skip_deserializing)]
    shown: Shown,
}

/// What cannot be written.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    uri: String,
    addrs: String,
    /// Weft's own: its members.
    addresses: Vec<Text<Prefix>>,
}

/// The group that a path names.
pub(super) fn of_path(topology: &Topology, args: &Args) -> Result<AddressGroupId, ApiError> {
    IpAddrGroup::find(topology, args).map(|group| group.id)
}

/// The members of a group, in the order of their prefixes.
pub(super) fn members(topology: &Topology, group: AddressGroupId) -> Vec<Arc<AddressGroupMember>> {
    let members = topology.referrers_of_kind(group.into(), Kind::AddressGroupMember);
    let mut members: Vec<_> = members
        .filter_map(|object| match object {
            Object::AddressGroupMember(member) => Some(member.clone()),
            _ => None,
        })
        .collect();
    members.sort_by_key(|member| member.prefix);
    members
}

impl Resource for IpAddrGroup {
    type Object = AddressGroup;

    const MEDIA: Media = Media::new("IpAddrGroup", &[1]);

    fn list(topology: &Topology, _: &Args) -> Result<Vec<Arc<AddressGroup>>, ApiError> {
        let groups = topology
            .of_kind(Kind::AddressGroup)
            .filter_map(|object| match object {
                Object::AddressGroup(group) => Some(group.clone()),
                _ => None,
            });
        Ok(groups.collect())
    }

    fn find(topology: &Topology, args: &Args) -> Result<Arc<AddressGroup>, ApiError> {
        let id: AddressGroupId = args.id("group")?;
        let group = topology.address_group(id).cloned();
        group.ok_or_else(|| missing(id))
    }

    fn show(group: &AddressGroup, view: &View) -> Self {
        let uri = view.urls.to(&Self::path(group, view.topology));
        let members = members(view.topology, group.id);
        Self {
            id: Some(group.id.0),
            tenant_id: group.tenant_id.clone(),
            name: group.name.clone(),
            shown: Shown {
                addrs: format!("{uri}/ip_addrs"),
                addresses: members.iter().map(|it| Text(Prefix(it.prefix))).collect(),
                uri,
            },
        }
    }

    fn path(group: &AddressGroup, _: &Topology) -> String {
        format!("/ip_addr_groups/{}", group.id)
    }

    fn create(self, _: &Topology, _: &Args) -> Result<AddressGroup, ApiError> {
        let id = AddressGroupId(self.id.unwrap_or_else(Uuid::new_v4));
        Ok(self.object(id))
    }

    fn update(self, old: &AddressGroup, _: &Topology, _: &Args) -> Result<AddressGroup, ApiError> {
        Ok(self.object(old.id))
    }

    fn tenant<'a>(group: &'a AddressGroup, _: &'a Topology) -> Option<&'a str> {
        group.tenant_id.as_deref()
    }
}

impl IpAddrGroup {
    fn object(self, id: AddressGroupId) -> AddressGroup {
        AddressGroup {
            id,
            tenant_id: self.tenant_id,
            name: self.name,
        }
    }
}
