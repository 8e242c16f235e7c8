//! Weft itself: service and agent as they are shipped, in the guest's own network namespace.

use anyhow::Result;
use weft_ovs::{KernelDatapath, OpenMode};

use super::netlink::delete_flows;
use super::{FROM, Subject, TO};
use crate::bench::pair::Pair;
use crate::cloud::Network;
use crate::site::{DATAPATH, Site};

/// Which fields of a packet are in the masks of its flows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Masks {
    /// Those that the verdict read.
    Wide,
    /// All of them, so that every connection comes up.
    Exact,
}

/// A site with a bridge.
#[derive(Debug)]
pub struct Weft {
    /// Its programs.
    pub site: Site,
    /// Its bridge.
    pub network: Network,
    pair: Pair,
}

impl Weft {
    /// Starts it, with two machines on one bridge.
    pub fn start(masks: Masks) -> Result<Self> {
        let exact = masks == Masks::Exact;
        // The quota of a port is there to be hit by a flood, which this is not: the others have none.
        let config =
            format!("[limits]\nflows_per_port = 1000000\n[debug]\nexact_flows = {exact}\n");
        let site = Site::start_with("bench", &config)?;
        let network = site.network("bench")?;
        let pair = Pair {
            from: site.plug(&network, "tapfrom", FROM)?.peer,
            to: site.plug(&network, "tapto", TO)?.peer,
        };
        Ok(Self {
            site,
            network,
            pair,
        })
    }
}

impl Subject for Weft {
    fn name(&self) -> &'static str {
        "weft"
    }

    fn pair(&mut self) -> &mut Pair {
        &mut self.pair
    }

    /// Behind the agent's back, which finds out by its next look at the kernel's flows.
    fn forget(&mut self) -> Result<()> {
        let datapath = KernelDatapath::open(DATAPATH, OpenMode::Adopt)?;
        delete_flows(&datapath)
    }
}
