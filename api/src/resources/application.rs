//! The root: where everything is. Clients begin here and follow what they find.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Map, Value};

use super::{App, generic};
use crate::error::ApiError;
use crate::http::{Call, Media};

const MEDIA: Media = Media::new("Application", &[5]);

pub(super) fn routes() -> Router<App> {
    Router::new().route("/", get(read))
}

/// Collections by their key and path. Clients look the keys up without asking whether they are there,
/// so those that have no resource behind them yet are listed, too.
const COLLECTIONS: [(&str, &str); 23] = [
    ("bridges", "/bridges"),
    ("chains", "/chains"),
    ("healthMonitors", "/health_monitors"),
    ("hosts", "/hosts"),
    ("ipAddrGroups", "/ip_addr_groups"),
    ("l2Insertions", "/l2insertions"),
    ("l2insertions", "/l2insertions"),
    ("loadBalancers", "/load_balancers"),
    ("mirrors", "/mirrors"),
    ("neutron", "/neutron"),
    ("poolMembers", "/pool_members"),
    ("poolStatistics", "/pool_statistics"),
    ("pools", "/pools"),
    ("portGroups", "/port_groups"),
    ("ports", "/ports"),
    ("routers", "/routers"),
    ("serviceContainerGroups", "/service_container_groups"),
    ("serviceContainers", "/service_containers"),
    ("systemState", "/system_state"),
    ("tenants", "/tenants"),
    ("traceRequests", "/traces"),
    ("tunnelZones", "/tunnel_zones"),
    ("vteps", "/vteps"),
];

/// Templates by their key and the collection below which `{id}` stands.
const TEMPLATES: [(&str, &str); 24] = [
    ("bgpNetworkTemplate", "/bgp_networks"),
    ("bgpPeerTemplate", "/bgp_peers"),
    ("bridgeTemplate", "/bridges"),
    ("chainTemplate", "/chains"),
    ("healthMonitorTemplate", "/health_monitors"),
    ("hostTemplate", "/hosts"),
    ("ipAddrGroupTemplate", "/ip_addr_groups"),
    ("l2InsertionTemplate", "/l2insertions"),
    ("loadBalancerTemplate", "/load_balancers"),
    ("mirrorTemplate", "/mirrors"),
    ("poolMemberTemplate", "/pool_members"),
    ("poolTemplate", "/pools"),
    ("portGroupTemplate", "/port_groups"),
    ("portTemplate", "/ports"),
    ("routeTemplate", "/routes"),
    ("routerTemplate", "/routers"),
    ("ruleTemplate", "/rules"),
    ("serviceContainerGroupTemplate", "/service_container_groups"),
    ("serviceContainerTemplate", "/service_containers"),
    ("tenantTemplate", "/tenants"),
    ("traceRequestTemplate", "/traces"),
    ("tunnelZoneTemplate", "/tunnel_zones"),
    ("vipTemplate", "/vips"),
    ("vtepTemplate", "/vteps"),
];

async fn read(State(_): State<App>, call: Call) -> Result<Response, ApiError> {
    let media = MEDIA.answer(&call.headers)?;
    let mut root = Map::new();
    let mut put = |key: &str, value: String| root.insert(key.to_owned(), Value::String(value));
    put("uri", call.urls.to(""));
    put("version", "v5".to_owned());
    put("writeVersion", call.urls.to("/system_state"));
    put("vips", call.urls.to("/vips"));
    for (key, path) in COLLECTIONS {
        put(key, call.urls.to(path));
    }
    for (key, path) in TEMPLATES {
        put(key, call.urls.to(&format!("{path}/{{id}}")));
    }
    Ok(generic::answer(&media, &root))
}
