//! The options that an operator configured for a subnet and for a host, as they are for one client.
//!
//! Of two for the same code the host's wins over the subnet's; then one with a condition that holds
//! over one without; then the later.

use std::collections::BTreeMap;

use weft_topology::dhcp::DhcpOption;

use super::{Condition, OptionError, Target, parse};
use crate::lease::Lease;

/// Configured options; a value of none withholds what the server would send.
#[derive(Default)]
pub(crate) struct Configured {
    values: BTreeMap<Target, (Rank, Option<Vec<u8>>)>,
    /// Options that were stored before what is valid changed; they have no effect.
    pub(crate) invalid: Vec<OptionError>,
}

/// Which of two options wins: the greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    of_host: bool,
    conditional: bool,
}

impl Configured {
    /// The options for a client of whom is known whether it runs iPXE.
    pub(crate) fn read(lease: &Lease<'_>, ipxe: bool) -> Self {
        let mut configured = Self::default();
        configured.add(&lease.subnet.options, false, ipxe);
        configured.add(&lease.host.options, true, ipxe);
        configured
    }

    fn add(&mut self, options: &[DhcpOption], of_host: bool, ipxe: bool) {
        for option in options {
            let option = match parse(&option.code, &option.value) {
                Ok(option) => option,
                Err(error) => {
                    self.invalid.push(error);
                    continue;
                }
            };
            let conditional = match option.condition {
                Condition::Always => false,
                Condition::Ipxe if ipxe => true,
                Condition::NotIpxe if !ipxe => true,
                _ => continue,
            };
            let rank = Rank {
                of_host,
                conditional,
            };
            let entry = (rank, option.value);
            match self.values.get_mut(&option.target) {
                Some(known) if known.0 > rank => {}
                Some(known) => *known = entry,
                None => {
                    self.values.insert(option.target, entry);
                }
            }
        }
    }

    /// What is configured: a value, or to send none; else nothing.
    pub(crate) fn get(&self, target: Target) -> Option<Option<&[u8]>> {
        let (_, value) = self.values.get(&target)?;
        Some(value.as_deref())
    }

    /// The configured options with their values, by code.
    pub(crate) fn options(&self) -> impl Iterator<Item = (u8, Option<&[u8]>)> {
        self.values
            .iter()
            .filter_map(|(target, (_, value))| match target {
                Target::Option(code) => Some((*code, value.as_deref())),
                Target::NextServer => None,
            })
    }
}
