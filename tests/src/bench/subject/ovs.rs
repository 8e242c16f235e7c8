//! Open vSwitch of the distribution: ovs-vswitchd with one learning bridge.

use anyhow::Result;

use super::daemons::Daemons;
use super::{FROM, Masks, Subject, TO};
use crate::bench::pair::{Pair, tap};

const NETNS: &str = "bench-ovs";
const DIR: &str = "/tmp/weft-bench-ovs";

/// The two daemons and a bridge.
#[derive(Debug)]
pub struct Ovs {
    pair: Pair,
    daemons: Daemons,
}

impl Ovs {
    /// Starts it, with two machines on one bridge.
    pub fn start(masks: Masks) -> Result<Self> {
        let daemons = Daemons::start(NETNS, DIR)?;
        let ovs = Self {
            pair: Pair {
                from: tap(NETNS, "tap1", FROM)?,
                to: tap(NETNS, "tap2", TO)?,
            },
            daemons,
        };
        ovs.vsctl(&["add-br", "br0"])?;
        for port in ["tap1", "tap2"] {
            ovs.vsctl(&["add-port", "br0", port])?;
        }
        if masks == Masks::Exact {
            ovs.daemons.appctl(&["upcall/disable-megaflows"])?;
        }
        Ok(ovs)
    }

    /// Changes the configuration; returns when the daemon has taken it.
    pub fn vsctl(&self, words: &[&str]) -> Result<()> {
        self.daemons.vsctl(words)
    }

    /// Process id of ovs-vswitchd.
    pub fn pid(&self) -> Result<u32> {
        self.daemons.pid("ovs-vswitchd")
    }

    /// Its namespace.
    pub const fn netns() -> &'static str {
        NETNS
    }
}

impl Subject for Ovs {
    fn name(&self) -> &'static str {
        "ovs"
    }

    fn pair(&mut self) -> &mut Pair {
        &mut self.pair
    }

    fn forget(&mut self) -> Result<()> {
        self.daemons.appctl(&["revalidator/purge"])
    }
}
