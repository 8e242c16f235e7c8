//! OVN of the distribution: Open vSwitch with security groups as OpenStack has them there, on one host.

use std::time::Duration;

use anyhow::{Result, ensure};
use weft_ovs::{KernelDatapath, OpenMode};

use super::control::Control;
use super::daemons::Daemons;
use super::{FROM, Group, Masks, Senders, Subject, TO, forget_connections};
use crate::bench::pair::{Pair, in_netns, tap};
use crate::wait;

const NETNS: &str = "bench-ovn";
const DIR: &str = "/tmp/weft-bench-ovn";
const PATIENCE: Duration = Duration::from_secs(60);
/// The address set that a group of [`Group::Members`] names.
pub const MEMBERS: &str = "members";
/// ovs-vswitchd's datapath.
const DATAPATH: &str = "ovs-system";

/// The daemons of a host and of the databases.
#[derive(Debug)]
pub struct Ovn {
    pair: Pair,
    daemons: Daemons,
}

/// An `ovn-nbctl` that runs already.
#[derive(Clone, Debug)]
pub struct Client(String);

impl Client {
    /// What `ovn-nbctl` would be told.
    pub fn change(&self, words: &[&str]) -> Result<String> {
        Control::open(&self.0)?.ask("run", words)
    }
}

impl Ovn {
    /// Starts it, with two machines on one switch.
    pub fn start(masks: Masks, senders: Senders, group: &Group) -> Result<Self> {
        let mut daemons = Daemons::start(NETNS, DIR)?;
        for name in ["nb", "sb"] {
            let schema = format!("/usr/share/ovn/ovn-{name}.ovsschema");
            daemons.serve_database(name, &schema)?;
        }
        let (nb, sb) = (daemons.socket("nb"), daemons.socket("sb"));
        daemons.run(&["ovn-sbctl", "--timeout=60", &format!("--db={sb}"), "init"])?;
        daemons.run(&["ovn-nbctl", "--timeout=60", &format!("--db={nb}"), "init"])?;
        let databases = [format!("--ovnnb-db={nb}"), format!("--ovnsb-db={sb}")];
        daemons.spawn("ovn-northd", &[&databases[0], &databases[1]])?;
        let ids = [
            "external_ids:system-id=bench".to_owned(),
            format!("external_ids:ovn-remote={sb}"),
            "external_ids:ovn-encap-type=geneve".to_owned(),
            "external_ids:ovn-encap-ip=127.0.0.1".to_owned(),
        ];
        let mut words = vec!["set", "open", "."];
        words.extend(ids.iter().map(String::as_str));
        daemons.vsctl(&words)?;
        let conf = daemons.socket("conf");
        daemons.spawn("ovn-controller", &[&conf])?;
        // A client that stays, so that what is measured is a change and not the start of a program.
        daemons.spawn("ovn-nbctl", &[&format!("--db={nb}"), "--detach"])?;
        let ovn = Self {
            pair: Pair {
                from: tap(NETNS, "tap1", FROM)?,
                to: tap(NETNS, "tap2", TO)?,
            },
            daemons,
        };
        ovn.configure(senders, group)?;
        if masks == Masks::Exact {
            ovn.daemons.appctl(&["upcall/disable-megaflows"])?;
        }
        Ok(ovn)
    }

    fn configure(&self, senders: Senders, group: &Group) -> Result<()> {
        self.nb(&["ls-add", "sw0"])?;
        self.nb(&["pg-add", "pg0"])?;
        for (number, mac) in [(1, FROM), (2, TO)] {
            let (port, tap) = (format!("lp{number}"), format!("tap{number}"));
            let address = format!("{mac} 10.0.0.{number}");
            self.nb(&["lsp-add", "sw0", &port])?;
            self.nb(&["lsp-set-addresses", &port, &address])?;
            if number == 2 || senders == Senders::Secured {
                self.nb(&["lsp-set-port-security", &port, &address])?;
            }
            let id = format!("external_ids:iface-id={port}");
            let add = [
                "add-port",
                "br-int",
                &tap,
                "--",
                "set",
                "interface",
                &tap,
                &id,
            ];
            wait::until_ok("the integration bridge", PATIENCE, || {
                self.daemons.vsctl(&add)
            })?;
        }
        self.nb(&["pg-set-ports", "pg0", "lp1", "lp2"])?;
        if let Group::Members(members) = group {
            let addresses: Vec<String> = members.iter().map(|addr| format!("\"{addr}\"")).collect();
            let addresses = format!("addresses={}", addresses.join(","));
            self.nb(&[
                "create",
                "address_set",
                &format!("name={MEMBERS}"),
                &addresses,
            ])?;
        }
        let matches = group.as_ovn_match(MEMBERS);
        self.nb(&acl(
            "from-lport",
            "1002",
            "inport == @pg0 && ip4",
            "allow-related",
        ))?;
        self.nb(&acl("to-lport", "1002", &matches, "allow-related"))?;
        self.nb(&acl("to-lport", "1001", "outport == @pg0 && ip4", "drop"))?;
        self.sync()
    }

    fn nb(&self, words: &[&str]) -> Result<String> {
        self.client().change(words)
    }

    /// Who changes the topology.
    pub fn client(&self) -> Client {
        Client(self.daemons.control("ovn-nbctl"))
    }

    /// Waits until the host has what the topology says.
    pub fn sync(&self) -> Result<()> {
        let db = format!("--db={}", self.daemons.socket("nb"));
        let words = ["ovn-nbctl", "--timeout=300", &db, "--wait=hv", "sync"];
        self.daemons.run(&words).map(drop)
    }

    /// Process id of ovs-vswitchd.
    pub fn pid(&self) -> Result<u32> {
        self.daemons.pid("ovs-vswitchd")
    }

    /// Its datapath.
    pub fn datapath(&self) -> Result<KernelDatapath> {
        in_netns(NETNS, || {
            Ok(KernelDatapath::open(DATAPATH, OpenMode::Adopt)?)
        })
    }
}

/// An access control list entry of the port group.
fn acl<'a>(way: &'a str, priority: &'a str, matches: &'a str, action: &'a str) -> [&'a str; 6] {
    ["acl-add", "pg0", way, priority, matches, action]
}

impl Subject for Ovn {
    fn name(&self) -> &'static str {
        "ovn"
    }

    fn pair(&mut self) -> &mut Pair {
        &mut self.pair
    }

    fn forget(&mut self) -> Result<()> {
        self.daemons.appctl(&["revalidator/purge"])?;
        forget_connections(Some(NETNS))
    }

    fn processor_time(&self) -> Result<Duration> {
        super::processor_time(self.pid()?)
    }

    fn counts(&mut self) -> Result<weft_ovs::DatapathInfo> {
        let mut datapath = self.datapath()?;
        let info = weft_ovs::Datapath::info(&mut datapath)?;
        ensure!(info.name == DATAPATH, "another datapath answered");
        Ok(info)
    }
}
