//! What hosts say of themselves: it lives as long as their lease, and is no part of the topology.

use std::time::Duration;

use weft_store::{LeaseState, StoreError};
use weft_topology::id::{HostId, PortId};
use weft_wire::host::{BindingPhase, LEASE_SECONDS, StateReport};

use super::Service;

const LEASE: Duration = Duration::from_secs(LEASE_SECONDS);

/// What is known of a host's state.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostState {
    /// False once it has not been heard of for the time of a lease.
    pub(crate) alive: bool,
    /// Its newest report; absent: none since it came to life or the service started.
    pub(crate) report: Option<StateReport>,
}

impl HostState {
    /// Whether the host's kernel carries a port.
    pub(crate) fn carries(&self, port: PortId) -> bool {
        let bindings = self.report.iter().flat_map(|report| &report.bindings);
        bindings
            .filter(|binding| binding.port == port)
            .any(|binding| binding.phase == BindingPhase::Active)
    }

    /// Whether the host has an interface of that name now.
    pub(crate) fn has_interface(&self, name: &str) -> bool {
        let interfaces = self.report.iter().flat_map(|report| &report.interfaces);
        interfaces
            .into_iter()
            .any(|interface| interface.name == name)
    }
}

impl Service {
    /// The state of a host.
    pub(crate) fn host_state(&self, host: HostId) -> HostState {
        match self.store.lease(&lease_of(host)) {
            LeaseState::Held { value } => HostState {
                alive: true,
                // Empty until the first report.
                report: serde_json::from_str(&value).ok(),
            },
            LeaseState::Grace => HostState {
                alive: true,
                report: None,
            },
            LeaseState::Lapsed => HostState::default(),
        }
    }

    /// Takes a report, which also says that the host lives.
    pub(crate) async fn report(
        &self,
        host: HostId,
        report: &StateReport,
    ) -> Result<(), StoreError> {
        let value = serde_json::json!(report).to_string();
        self.store.renew(&lease_of(host), value, LEASE).await
    }

    /// Notes that a host lives; its report stays.
    pub(crate) async fn heard_of(&self, host: HostId) -> Result<(), StoreError> {
        let name = lease_of(host);
        let value = match self.store.lease(&name) {
            LeaseState::Held { value } => value.to_string(),
            LeaseState::Grace | LeaseState::Lapsed => String::new(),
        };
        self.store.renew(&name, value, LEASE).await
    }
}

fn lease_of(host: HostId) -> String {
    format!("host/{host}")
}
