//! `/hosts/ID/interfaces`: the network interfaces that a host reports.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use weft_topology::MacAddr;
use weft_topology::id::HostId;
use weft_wire::host;

use super::{App, View, generic};
use crate::error::ApiError;
use crate::http::urls::encoded;
use crate::http::{Call, Media};
use crate::service::hosts::HostState;

const MEDIA: Media = Media::new("Interface", &[1]);

pub(super) fn routes() -> Router<App> {
    const INTERFACES: &str = "/hosts/{host}/interfaces";
    Router::new()
        .route(INTERFACES, get(list))
        .route(&format!("{INTERFACES}/{{interface}}"), get(read))
}

/// An interface's JSON form.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Interface {
    uri: String,
    host_id: HostId,
    name: String,
    mac: Option<MacAddr>,
    mtu: u32,
    /// Bit 0: administratively up; bit 1: it has a carrier.
    status: u8,
    #[serde(rename = "type")]
    kind: &'static str,
    endpoint: &'static str,
    /// Without prefix lengths.
    pub(super) addresses: Vec<String>,
}

impl Interface {
    /// The interfaces that a host reported last, in its order.
    pub(super) fn of(host: HostId, state: &HostState, view: &View) -> Vec<Self> {
        let interfaces = state.report.iter().flat_map(|report| &report.interfaces);
        interfaces
            .map(|found| Self::show(host, found, view))
            .collect()
    }

    fn show(host: HostId, found: &host::Interface, view: &View) -> Self {
        let (kind, endpoint) = kind_of(&found.kind);
        let addresses = found.addresses.iter();
        Self {
            uri: view.urls.to(&format!(
                "/hosts/{host}/interfaces/{}",
                encoded(&found.name)
            )),
            host_id: host,
            name: found.name.clone(),
            mac: found.mac,
            mtu: found.mtu,
            status: u8::from(found.up) | u8::from(found.carrier) << 1,
            kind,
            endpoint,
            addresses: addresses
                .map(|address| address.split('/').next().unwrap_or(address).to_owned())
                .collect(),
        }
    }
}

/// MidoNet's words for a kernel's kind of interface: type and endpoint.
fn kind_of(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "" => ("Physical", "PHYSICAL"),
        "tun" => ("Virtual", "TUNTAP"),
        "openvswitch" => ("Virtual", "DATAPATH"),
        "vxlan" | "geneve" | "gre" | "gretap" | "erspan" => ("Tunnel", "UNKNOWN"),
        _ => ("Virtual", "UNKNOWN"),
    }
}

async fn list(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let media = MEDIA.collection().answer(&call.headers)?;
    Ok(generic::answer(&media, &found(&app, &call)?))
}

async fn read(State(app): State<App>, call: Call) -> Result<Response, ApiError> {
    let media = MEDIA.answer(&call.headers)?;
    let name = call.args.text("interface");
    let interface = found(&app, &call)?
        .into_iter()
        .find(|found| found.name == name);
    let interface = interface.ok_or_else(|| call.args.unknown("interface"))?;
    Ok(generic::answer(&media, &interface))
}

fn found(app: &App, call: &Call) -> Result<Vec<Interface>, ApiError> {
    let model = app.current();
    let host = super::host::of_path(&model.topology, &call.args)?;
    let view = View::new(&model, &call.urls, app);
    Ok(Interface::of(host.id, &view.host_state(host.id), &view))
}
