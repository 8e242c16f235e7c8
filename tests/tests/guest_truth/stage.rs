//! A site with taps for all ports, its topology out of a file, and what a packet does there.

use std::collections::BTreeMap;
use std::time::Duration;

use weft_ovs::Datapath;
use weft_tests::command::run;
use weft_tests::control::Control;
use weft_tests::frames::Station;
use weft_tests::peer::Peer;
use weft_tests::site::Site;
use weft_tests::wait;
use weft_topology::id::PortId;
use weft_wire::control::{BindingInfo, DropInfo, Status, TraceResult, Verb};
use weft_wire::host::BindingPhase;

use super::topology::{PORTS, tap};
use super::{LIMIT, datapath};

pub(crate) struct Stage {
    pub(crate) site: Site,
    pub(crate) control: Control,
    /// Behind the ports, from 1 on.
    pub(crate) peers: Vec<Peer>,
    /// The ports' ids.
    pub(crate) ports: BTreeMap<u8, PortId>,
    /// Their numbers in the datapath.
    pub(crate) numbers: BTreeMap<u8, u32>,
}

impl Stage {
    /// A site in which nothing is but taps.
    pub(crate) fn start(name: &str) -> Self {
        Self::start_with(name, "")
    }

    /// The same, with lines added to the agent's configuration.
    pub(crate) fn start_with(name: &str, config: &str) -> Self {
        let site = Site::start_with(name, config).unwrap();
        let lines = (1..=PORTS).map(|n| format!("tuntap add {} mode tap\n", tap(n)));
        let batch = site.dir.join("taps");
        std::fs::write(&batch, lines.collect::<String>()).unwrap();
        run(&["ip", "-batch", batch.to_str().unwrap()]).unwrap();
        let peers = (1..=PORTS).map(|n| Peer::open(&tap(n), Station::new(n).mac).unwrap());
        Self {
            control: Control::at(&site.socket()),
            peers: peers.collect(),
            site,
            ports: BTreeMap::new(),
            numbers: BTreeMap::new(),
        }
    }

    /// Makes the topology what a file says; it is in force when this returns.
    pub(crate) fn apply(&mut self, text: &str) {
        let file = self.site.dir.join("topology.toml");
        std::fs::write(&file, text).unwrap();
        let applied = self.site.weft(&["apply", "--yes", file.to_str().unwrap()]);
        applied.unwrap_or_else(|error| panic!("{error:#}\n{text}"));
        self.site.sync().unwrap();
    }

    /// Waits until the kernel carries all ports of the file, and learns their ids.
    pub(crate) fn bound(&mut self) {
        let all = || {
            let bindings: Vec<BindingInfo> = self.control.list(Verb::Bindings).ok()?;
            let active = |it: &&BindingInfo| it.state == BindingPhase::Active;
            let of = |it: &BindingInfo| {
                let n = it.interface.strip_prefix("tap-")?.parse().ok()?;
                Some((n, (it.port, it.number?)))
            };
            let ports: BTreeMap<u8, (PortId, u32)> =
                bindings.iter().filter(active).filter_map(of).collect();
            let complete = bindings.len() == usize::from(PORTS) && ports.len() == bindings.len();
            complete.then_some(ports)
        };
        let bound = wait::until_some("all ports to be carried", LIMIT, all).unwrap();
        self.ports = bound.iter().map(|(n, (port, _))| (*n, *port)).collect();
        self.numbers = bound.iter().map(|(n, (_, number))| (*n, *number)).collect();
        self.site.sync().unwrap();
    }

    pub(crate) fn peer(&mut self, n: u8) -> &mut Peer {
        &mut self.peers[usize::from(n) - 1]
    }

    pub(crate) fn trace(&self, n: u8, frame: &[u8]) -> TraceResult {
        let verb = Verb::Trace {
            port: self.ports[&n],
            frame: frame.iter().map(|byte| format!("{byte:02x}")).collect(),
            connection: None,
        };
        self.control.one(verb).unwrap()
    }

    pub(crate) fn counter(&self, name: &str) -> u64 {
        let status: Status = self.control.one(Verb::Status).unwrap();
        status.counters[name]
    }

    /// Packets dropped, by port and reason.
    pub(crate) fn drops(&self) -> BTreeMap<(Option<PortId>, String), u64> {
        let drops: Vec<DropInfo> = self.control.list(Verb::Drops { port: None }).unwrap();
        let of = |drop: DropInfo| ((drop.port, drop.reason), drop.packets);
        drops.into_iter().map(of).collect()
    }

    /// Waits until the agent has done what follows from all that the kernel has brought up, and from so many packets
    /// for local services.
    ///
    /// A packet that meets flows is done with when it is sent: tap, flow and tap are one call. Of those that come up,
    /// the agent counts what it reads as the kernel counts what it brings up, and a worker that answers has
    /// written what it read before.
    /// How many it has read.
    pub(crate) fn settle(&self, upcalls: u64) -> Result<u64, String> {
        let counted = || {
            let status: Status = self.control.one(Verb::Status).unwrap();
            let of = |name| status.counters[name];
            let read = of("misses") + of("punts");
            let missed = of("kernel_misses") - of("upcalls_lost");
            (of("misses") == missed && read >= upcalls).then_some(read)
        };
        let mut last = None;
        wait::until("the agent to have read all upcalls", LIMIT, || {
            let now = counted();
            // Every worker answers this.
            let _ = self.drops();
            now.is_some() && std::mem::replace(&mut last, now) == now
        })
        .map_err(|error| {
            let status: Status = self.control.one(Verb::Status).unwrap();
            let (info, counters) = (datapath().info(), status.counters);
            let log = self.site.agent.log();
            format!("{error}: want {upcalls}: {info:?}, {counters:?}\n{log}")
        })?;
        Ok(last.unwrap_or(0))
    }

    /// Upcalls that the agent has read so far.
    pub(crate) fn upcalls(&self) -> u64 {
        let status: Status = self.control.one(Verb::Status).unwrap();
        status.counters["misses"] + status.counters["punts"]
    }

    /// The frames that wait at each port: those that must come are waited for.
    pub(crate) fn received(&mut self, wanted: &BTreeMap<u8, usize>) -> BTreeMap<u8, Vec<Vec<u8>>> {
        let mut all = BTreeMap::new();
        for n in 1..=PORTS {
            let count = wanted.get(&n).copied().unwrap_or(0);
            let mut frames = Vec::new();
            loop {
                let limit = if frames.len() < count {
                    LIMIT / 6
                } else {
                    Duration::ZERO
                };
                match self.peer(n).receive(limit) {
                    Some(frame) => frames.push(frame),
                    None => break,
                }
            }
            if !frames.is_empty() {
                all.insert(n, frames);
            }
        }
        all
    }

    /// Takes away what waits.
    pub(crate) fn drain(&mut self) {
        for peer in &mut self.peers {
            peer.drain();
        }
    }

    /// Of all that was audited nothing was wrong.
    pub(crate) fn was_audited(&self) {
        let of = |name: &str| self.counter(name);
        let disagreed = of("audit_disagreed");
        assert_eq!(disagreed, 0, "{}", self.site.agent.log());
        assert_eq!(
            of("audit_unknown") + of("flows_vanished"),
            0,
            "{}",
            self.site.agent.log()
        );
        assert!(of("audit_checked") > 0);
    }
}
