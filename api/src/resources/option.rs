//! Small pieces that several resources have in common.

use serde::{Deserialize, Serialize};
use weft_topology::dhcp;

/// The default of what is on unless said otherwise.
pub(super) fn yes() -> bool {
    true
}

/// A further DHCP option of a subnet or a host.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DhcpOption {
    /// Its number or name.
    opt_name: String,
    /// Its value in text.
    opt_value: String,
}

impl DhcpOption {
    pub(super) fn show(options: &[dhcp::DhcpOption]) -> Vec<Self> {
        let options = options.iter().map(|option| Self {
            opt_name: option.code.clone(),
            opt_value: option.value.clone(),
        });
        options.collect()
    }

    pub(super) fn objects(options: Vec<Self>) -> Vec<dhcp::DhcpOption> {
        let options = options.into_iter().map(|option| dhcp::DhcpOption {
            code: option.opt_name,
            value: option.opt_value,
        });
        options.collect()
    }
}
