//! Further DHCP options of a subnet or a host, as bodies have them.

use serde::{Deserialize, Serialize};
use weft_dhcp::options;
use weft_topology::dhcp;

use crate::error::{ApiError, InvalidProperty};

/// An option.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DhcpOption {
    /// Its number or name.
    opt_name: String,
    /// Its value in text.
    opt_value: String,
}

impl DhcpOption {
    /// Their form.
    pub(super) fn show(options: &[dhcp::DhcpOption]) -> Vec<Self> {
        let options = options.iter().map(|option| Self {
            opt_name: option.code.clone(),
            opt_value: option.value.clone(),
        });
        options.collect()
    }

    /// The options that a client wants; an error names those that no reply could carry.
    pub(super) fn objects(wanted: Vec<Self>) -> Result<Vec<dhcp::DhcpOption>, ApiError> {
        let wrong = wanted.iter().enumerate().filter_map(|(place, option)| {
            let error = options::parse(&option.opt_name, &option.opt_value).err()?;
            Some(InvalidProperty {
                object: None,
                property: format!("extraDhcpOpts[{place}]"),
                message: error.to_string(),
            })
        });
        let wrong: Vec<InvalidProperty> = wrong.collect();
        if !wrong.is_empty() {
            return Err(ApiError::Invalid(wrong));
        }
        let options = wanted.into_iter().map(|option| dhcp::DhcpOption {
            code: option.opt_name,
            value: option.opt_value,
        });
        Ok(options.collect())
    }
}
