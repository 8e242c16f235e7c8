//! A rule's JSON form, which is flat.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use weft_topology::MacAddr;

use crate::http::{ByName, Number};

/// A rule. An `inv…` says that the test beside it must fail; without that test it is refused.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Form {
    pub(super) id: Option<Uuid>,
    pub(super) chain_id: Option<Uuid>,
    /// Its place in the chain, from 1.
    pub(super) position: Option<Number<usize>>,
    /// What it does: [`TYPES`](super::action::TYPES).
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    /// Where a translation goes on: `accept`, `continue` or `return`.
    pub(super) flow_action: Option<String>,
    pub(super) nat_targets: Vec<ByName<NatTarget>>,
    pub(super) jump_chain_id: Option<Uuid>,
    pub(super) jump_chain_name: Option<String>,
    /// Weft's own: a name under which matches are logged.
    pub(super) log: Option<String>,

    pub(super) cond_invert: bool,
    pub(super) match_forward_flow: bool,
    pub(super) match_return_flow: bool,
    pub(super) in_ports: Vec<Uuid>,
    pub(super) inv_in_ports: bool,
    pub(super) out_ports: Vec<Uuid>,
    pub(super) inv_out_ports: bool,
    pub(super) port_group: Option<Uuid>,
    pub(super) inv_port_group: bool,
    pub(super) in_port_group: Option<Uuid>,
    pub(super) inv_in_port_group: bool,
    pub(super) out_port_group: Option<Uuid>,
    pub(super) inv_out_port_group: bool,
    pub(super) ip_addr_group_src: Option<Uuid>,
    pub(super) inv_ip_addr_group_src: bool,
    pub(super) ip_addr_group_dst: Option<Uuid>,
    pub(super) inv_ip_addr_group_dst: bool,
    pub(super) dl_type: Option<Number<u16>>,
    pub(super) inv_dl_type: bool,
    pub(super) dl_src: Option<MacAddr>,
    pub(super) dl_src_mask: Option<String>,
    pub(super) inv_dl_src: bool,
    pub(super) dl_dst: Option<MacAddr>,
    pub(super) dl_dst_mask: Option<String>,
    pub(super) inv_dl_dst: bool,
    pub(super) no_vlan: bool,
    pub(super) vlan: Option<Number<u16>>,
    /// Weft's own: for `vlan` and `noVlan`.
    pub(super) inv_vlan: bool,
    pub(super) nw_proto: Option<Number<u8>>,
    pub(super) inv_nw_proto: bool,
    pub(super) nw_tos: Option<Number<u8>>,
    pub(super) inv_nw_tos: bool,
    pub(super) nw_src_address: Option<IpAddr>,
    /// 0 without an address; absent: all of the address.
    pub(super) nw_src_length: Option<Number<u8>>,
    pub(super) inv_nw_src: bool,
    pub(super) nw_dst_address: Option<IpAddr>,
    pub(super) nw_dst_length: Option<Number<u8>>,
    pub(super) inv_nw_dst: bool,
    pub(super) tp_src: Option<ByName<Range>>,
    pub(super) inv_tp_src: bool,
    pub(super) tp_dst: Option<ByName<Range>>,
    pub(super) inv_tp_dst: bool,
    pub(super) fragment_policy: Option<String>,

    #[serde(flatten, skip_deserializing)]
    pub(super) shown: Shown,
    #[serde(skip_serializing)]
    pub(super) traversed_device: Value,
    #[serde(skip_serializing)]
    pub(super) icmp_data_src_ip_address: Value,
    #[serde(skip_serializing)]
    pub(super) icmp_data_dst_ip_address: Value,
    #[serde(skip_serializing)]
    pub(super) match_nw_dst_rewritten: Value,
    #[serde(skip_serializing)]
    pub(super) meter_name: Value,
    #[serde(skip_serializing)]
    pub(super) properties: Value,
    #[serde(skip_serializing)]
    pub(super) pop_vlan: Value,
    #[serde(skip_serializing)]
    pub(super) push_vlan: Value,
    #[serde(skip_serializing)]
    pub(super) target_port: Value,
    #[serde(skip_serializing)]
    pub(super) target_port_id: Value,
    #[serde(skip_serializing)]
    pub(super) request_id: Value,
}

/// What cannot be written.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    pub(super) uri: String,
    pub(super) chain: String,
    /// Weft's own: the rule in words.
    pub(super) summary: String,
}

/// A range of ports, or of ICMP types; without one of its ends it is open there.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Range {
    #[serde(default)]
    pub(super) start: Option<Number<u16>>,
    #[serde(default)]
    pub(super) end: Option<Number<u16>>,
}

/// What a translation may choose; ports of 0 are the packet's own.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NatTarget {
    pub(super) address_from: IpAddr,
    /// Absent: the first.
    #[serde(default)]
    pub(super) address_to: Option<IpAddr>,
    #[serde(default)]
    pub(super) port_from: Number<u16>,
    #[serde(default)]
    pub(super) port_to: Number<u16>,
}
