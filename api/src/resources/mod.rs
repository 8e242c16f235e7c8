//! The resources of the REST API, one a file: what it looks like ([`Resource`]), how it becomes an
//! object of the topology and back, and its routes. What is the same for all is in `generic`.
//!
//! To add one: write its file, and name its `routes` in [`routes`].

mod address_group;
mod address_group_member;
mod application;
mod arp_table;
mod binding;
mod bridge;
mod chain;
mod dhcp_host;
mod dhcp_option;
mod dhcp_subnet;
mod generic;
mod host;
mod interface;
mod link;
mod login;
mod mac_table;
mod port;
mod port_group;
mod port_group_member;
mod port_security;
mod rule;
mod system_state;
mod tenant;
mod view;

use std::sync::Arc;

use axum::Router;

use crate::service::Service;
pub(crate) use generic::answer;
pub(crate) use view::View;

/// The application that handlers belong to.
pub(crate) type App = Arc<Service>;

/// All resources, below the base path.
pub(crate) fn routes() -> Router<App> {
    [
        address_group::routes,
        address_group_member::routes,
        application::routes,
        arp_table::routes,
        binding::routes,
        bridge::routes,
        chain::routes,
        dhcp_host::routes,
        dhcp_subnet::routes,
        host::routes,
        interface::routes,
        link::routes,
        login::routes,
        mac_table::routes,
        port::routes,
        port_group::routes,
        port_group_member::routes,
        rule::routes,
        system_state::routes,
        tenant::routes,
    ]
    .into_iter()
    .fold(Router::new(), |router, routes| router.merge(routes()))
}
