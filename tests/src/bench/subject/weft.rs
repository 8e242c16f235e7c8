//! Weft itself: service and agent as they are shipped, in the guest's own network namespace.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use uuid::Uuid;
use weft_ovs::{Datapath, DatapathInfo, KernelDatapath, OpenMode};

use super::group::{Group, Senders, secure};
use super::netlink::delete_flows;
use super::{FROM, Subject, TO, forget_connections, processor_time};
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
    /// The chain of what is sent to the machines, if they are filtered.
    pub ingress: Option<String>,
    pair: Pair,
    is_stateful: bool,
}

impl Weft {
    /// The address group that the rule of [`Group::Members`] names.
    pub const MEMBERS: Uuid = Uuid::from_u128(0x6d65_6d62_6572_4700_8000_0000_0000_0001);

    /// Starts it, with two machines on one bridge.
    pub fn start(masks: Masks) -> Result<Self> {
        let exact = masks == Masks::Exact;
        // The quotas of a port are there to be hit by a flood, which this is not: the others have none.
        let config = format!(
            "[limits]\nflows_per_port = 1000000\nconnections_per_zone = 0\n[debug]\nexact_flows = {exact}\n"
        );
        let site = Site::start_with("bench", &config)?;
        let network = site.network("bench")?;
        let (from, to) = (
            site.plug(&network, "tapfrom", FROM)?,
            site.plug(&network, "tapto", TO)?,
        );
        Ok(Self {
            site,
            network,
            ingress: None,
            pair: Pair {
                from: from.peer,
                to: to.peer,
            },
            is_stateful: false,
        })
    }

    /// The same, both machines in a security group.
    pub fn start_filtered(masks: Masks, senders: Senders, group: &Group) -> Result<Self> {
        let mut weft = Self::start(masks)?;
        weft.is_stateful = true;
        let members = match group {
            Group::Members(members) => {
                let id = Self::MEMBERS.to_string();
                let members: Vec<IpAddr> = members.iter().map(|&addr| addr.into()).collect();
                weft.site.address_group(&id, &members)?;
                Some(id)
            }
            _ => None,
        };
        let bindings = weft.site.weft_json(&["show", "bindings"])?;
        let port = |tap: &str| {
            let mut all = bindings.as_array().into_iter().flatten();
            let of = all.find(|binding| binding["interface"] == tap);
            of.and_then(|of| of["portId"].as_str())
                .context("no such binding")
        };
        let ports = [port("tapfrom")?, port("tapto")?];
        let rule = group.as_rule(members.as_deref());
        weft.ingress = Some(secure(&weft.site.rest, ports, senders, rule)?);
        weft.site.sync()?;
        Ok(weft)
    }

    /// Its datapath.
    pub fn datapath(&self) -> Result<KernelDatapath> {
        Ok(KernelDatapath::open(DATAPATH, OpenMode::Adopt)?)
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
        delete_flows(&self.datapath()?)?;
        match self.is_stateful {
            true => forget_connections(None),
            false => Ok(()),
        }
    }

    fn processor_time(&self) -> Result<Duration> {
        processor_time(self.site.agent.pid().context("the agent does not run")?)
    }

    fn counts(&mut self) -> Result<DatapathInfo> {
        Ok(self.datapath()?.info()?)
    }
}
