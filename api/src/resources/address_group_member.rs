//! `/ip_addr_groups/ID/ip_addrs` and `/ip_addr_groups/ID/versions/V/ip_addrs`: what is in an address
//! group. One is named by its address, or its prefix with `_` for `/`: `10.0.0.0_24`.

use std::sync::Arc;

use axum::Router;
use serde::{Deserialize, Serialize};
use weft_topology::Topology;
use weft_topology::chain::AddressGroupMember;
use weft_topology::id::AddressGroupId;
use weft_topology::text::Prefix;
use weft_topology::{Object, ObjectId};
use weft_wire::text::Text;

use super::generic::{self, Resource};
use super::{App, View, address_group};
use crate::error::ApiError;
use crate::http::path::Args;
use crate::http::urls::encoded;
use crate::http::{Media, Number};

pub(super) fn routes() -> Router<App> {
    [
        "/ip_addr_groups/{group}/ip_addrs",
        "/ip_addr_groups/{group}/versions/{version}/ip_addrs",
    ]
    .into_iter()
    .fold(Router::new(), |router, members| {
        router
            .route(members, generic::collection::<IpAddrGroupAddr>())
            .route(
                &format!("{members}/{{addr}}"),
                generic::entry::<IpAddrGroupAddr>(),
            )
    })
}

/// A member's JSON form.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IpAddrGroupAddr {
    addr: Text<Prefix>,
    /// 4 or 6; absent: the address's.
    #[serde(default)]
    version: Option<Number<u8>>,
    #[serde(flatten, skip_deserializing)]
    shown: Option<Shown>,
}

/// What cannot be written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    uri: String,
    ip_addr_group_id: AddressGroupId,
    ip_addr_group: String,
}

/// The IP version that a path names, if it names one.
fn version_of(args: &Args) -> Result<Option<u8>, ApiError> {
    let Some(text) = args.path.get("version") else {
        return Ok(None);
    };
    match text.as_str() {
        "4" => Ok(Some(4)),
        "6" => Ok(Some(6)),
        _ => Err(args.unknown("version")),
    }
}

fn version(prefix: Prefix) -> u8 {
    match prefix.0 {
        ipnet::IpNet::V4(_) => 4,
        ipnet::IpNet::V6(_) => 6,
    }
}

impl Resource for IpAddrGroupAddr {
    type Object = AddressGroupMember;

    const MEDIA: Media = Media::new("IpAddrGroupAddr", &[1]);
    const NAMES: &[(&str, &str)] = &[("prefix", "addr")];
    const REPEATABLE: bool = true;

    fn list(topology: &Topology, args: &Args) -> Result<Vec<Arc<AddressGroupMember>>, ApiError> {
        let group = address_group::of_path(topology, args)?;
        let of = version_of(args)?;
        let mut members = address_group::members(topology, group);
        members.retain(|member| of.is_none_or(|of| version(Prefix(member.prefix)) == of));
        Ok(members)
    }

    fn find(topology: &Topology, args: &Args) -> Result<Arc<AddressGroupMember>, ApiError> {
        let group = address_group::of_path(topology, args)?;
        let unknown = || args.unknown("addr");
        let text = args.text("addr").replacen('_', "/", 1);
        let prefix: Prefix = text.parse().map_err(|_| unknown())?;
        if version_of(args)?.is_some_and(|of| of != version(prefix)) {
            return Err(unknown());
        }
        let id: ObjectId = AddressGroupMember::new(group, prefix.0).id.into();
        match topology.object(id) {
            Some(Object::AddressGroupMember(member)) if member.prefix == prefix.0 => {
                Ok(member.clone())
            }
            _ => Err(unknown()),
        }
    }

    fn show(member: &AddressGroupMember, view: &View) -> Self {
        let prefix = Prefix(member.prefix);
        Self {
            addr: Text(prefix),
            version: Some(Number(version(prefix))),
            shown: Some(Shown {
                uri: view.urls.to(&Self::path(member, view.topology)),
                ip_addr_group_id: member.group,
                ip_addr_group: view.urls.to(&format!("/ip_addr_groups/{}", member.group)),
            }),
        }
    }

    fn path(member: &AddressGroupMember, _: &Topology) -> String {
        let prefix = Prefix(member.prefix);
        let addr = prefix.to_string().replacen('/', "_", 1);
        format!(
            "/ip_addr_groups/{}/versions/{}/ip_addrs/{}",
            member.group,
            version(prefix),
            encoded(&addr)
        )
    }

    fn create(self, topology: &Topology, args: &Args) -> Result<AddressGroupMember, ApiError> {
        let group = address_group::of_path(topology, args)?;
        let prefix = self.addr.0;
        let own = version(prefix);
        let said = self.version.map(|version| version.0);
        for other in [said, version_of(args)?].into_iter().flatten() {
            if other != own {
                let problem = format!("is {other}, but {prefix} is of version {own}");
                return Err(ApiError::property("version", problem));
            }
        }
        Ok(AddressGroupMember::new(group, prefix.0))
    }

    fn update(
        self,
        _: &AddressGroupMember,
        topology: &Topology,
        args: &Args,
    ) -> Result<AddressGroupMember, ApiError> {
        self.create(topology, args)
    }
}
