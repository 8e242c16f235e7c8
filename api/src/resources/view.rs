//! What a resource is shown from: the topology, the hosts' states, the client's addresses.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use weft_topology::Topology;
use weft_topology::id::HostId;

use crate::http::Urls;
use crate::model::Model;
use crate::service::Service;
use crate::service::hosts::HostState;

/// What a resource is shown from.
pub(crate) struct View<'a> {
    /// The topology.
    pub(crate) topology: &'a Topology,
    /// For addresses.
    pub(crate) urls: &'a Urls,
    service: &'a Service,
    /// The states looked at so far: a list of a host's ports looks once.
    hosts: RefCell<HashMap<HostId, Rc<HostState>>>,
}

impl<'a> View<'a> {
    /// A view of one version of the topology.
    pub(crate) fn new(model: &'a Model, urls: &'a Urls, service: &'a Service) -> Self {
        Self {
            topology: &model.topology,
            urls,
            service,
            hosts: RefCell::default(),
        }
    }

    /// What a host says of itself.
    pub(crate) fn host_state(&self, host: HostId) -> Rc<HostState> {
        self.hosts
            .borrow_mut()
            .entry(host)
            .or_insert_with(|| Rc::new(self.service.host_state(host)))
            .clone()
    }
}
