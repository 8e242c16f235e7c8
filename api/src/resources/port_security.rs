//! `portSecurity` of a port, Weft's own: `{"pairs": [{"mac": "02:…", "prefix": "10.0.0.5"}]}`.

use serde::{Deserialize, Serialize};
use weft_topology::MacAddr;
use weft_topology::port::{self, AddressPair};
use weft_topology::text::Prefix;
use weft_wire::text::Text;

use crate::http::ByName;

/// Which source addresses a port may use.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PortSecurity {
    pairs: Vec<ByName<Pair>>,
}

/// A MAC and the addresses that it may speak for.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    mac: MacAddr,
    prefix: Text<Prefix>,
}

impl PortSecurity {
    /// Its form.
    pub(super) fn show(security: &port::PortSecurity) -> Self {
        let pairs = security.pairs.iter().map(|pair| {
            ByName(Pair {
                mac: pair.mac,
                prefix: Text(Prefix(pair.prefix)),
            })
        });
        Self {
            pairs: pairs.collect(),
        }
    }

    /// What a client wants.
    pub(super) fn object(self) -> port::PortSecurity {
        let pairs = self.pairs.into_iter().map(|ByName(pair)| AddressPair {
            mac: pair.mac,
            prefix: pair.prefix.0.0,
        });
        port::PortSecurity {
            pairs: pairs.collect(),
        }
    }
}
