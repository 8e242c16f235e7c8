//! Carries out steps: vports into the datapath and out of it, with the hot path told in the right order.
//!
//! Races:
//! - *An upcall comes before anybody reads it*: the socket is there before the vport (`attach`).
//! - *A number is used again while a flow still names it*: numbers go round, and on start begin above
//!   every number that a vport or a flow of the former run has.
//! - *The interface goes between the look and the step*, or another of its name has come: the kernel says
//!   that there is none. That is no failure to tell anybody of: news of the interface are on their way.
//! - *The kernel did what its lost answer does not say*: an interface that is taken may be taken by us. It
//!   is taken out and put in anew, with sockets that somebody reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use weft_ovs::{Datapath, Error, NewVport, Vport, VportKind};
use weft_topology::LocalPort;
use weft_topology::id::PortId;

use super::fitness::{self, Unfit};
use super::{Carried, Desired, Step};
use crate::hot::{Hot, HotError};
use crate::links::{Link, LinkError, LinkTable, SetLinks};

/// The highest number that a vport may have (`DP_MAX_PORTS`, less the one that means "none").
pub(super) const HIGHEST: u32 = 65_534;
/// A step that failed is tried again after so long, or when the interface changes.
const RETRY: Duration = Duration::from_secs(2);

/// The ports that the datapath carries, and the means to change that.
pub struct Carrier {
    pub(super) datapath: Box<dyn Datapath>,
    pub(super) hot: Arc<dyn Hot>,
    pub(super) setter: Box<dyn SetLinks>,
    pub(super) carried: BTreeMap<PortId, Carried>,
    failed: BTreeMap<PortId, Failed>,
    /// The number given last.
    pub(super) last: u32,
    /// Whether flows of a former run may name numbers above that: they are looked at before the first is given,
    /// and not at the start, where packets wait.
    pub(super) is_uncounted: bool,
}

/// A port that could not be carried.
#[derive(Clone, Debug)]
struct Failed {
    problem: String,
    ifindex: u32,
    again: Instant,
    /// The interface went meanwhile.
    is_gone: bool,
}

/// Why a port could not be carried.
#[derive(Debug, thiserror::Error)]
pub(super) enum CarryError {
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Hot(#[from] HotError),
    #[error(transparent)]
    Datapath(#[from] Error),
    #[error(
        "the interface belongs to something else: take it out of its bridge or bond, or delete \
             the other datapath ({0})"
    )]
    Taken(Error),
    #[error("no number is free: the datapath has {HIGHEST} ports")]
    NoNumber,
}

impl CarryError {
    /// Whether the interface, or the datapath, is not there any more: news of that are on their way.
    fn is_gone(&self) -> bool {
        match self {
            Self::Link(error) => error.is_gone(),
            Self::Datapath(Error::NotFound { .. }) => true,
            _ => false,
        }
    }
}

impl Carrier {
    /// Nothing is carried.
    pub fn new(datapath: Box<dyn Datapath>, hot: Arc<dyn Hot>, setter: Box<dyn SetLinks>) -> Self {
        Self {
            datapath,
            hot,
            setter,
            carried: BTreeMap::new(),
            failed: BTreeMap::new(),
            last: 0,
            is_uncounted: false,
        }
    }

    /// What is carried.
    pub fn carried(&self) -> &BTreeMap<PortId, Carried> {
        &self.carried
    }

    /// The same, for a snapshot.
    pub fn local_ports(&self) -> Vec<LocalPort> {
        let ports = self.carried.iter();
        ports
            .map(|(&port, is)| LocalPort {
                port,
                number: is.number,
                interface: is.interface.clone(),
            })
            .collect()
    }

    /// Why a port could not be carried.
    pub fn problem(&self, port: PortId) -> Option<&str> {
        let failed = self.failed.get(&port).filter(|failed| !failed.is_gone);
        failed.map(|failed| &*failed.problem)
    }

    /// When the next step that failed is due again.
    pub fn due(&self) -> Option<Instant> {
        self.failed.values().map(|failed| failed.again).min()
    }

    /// Does the steps; whether any changed what is carried. One that fails keeps no other from being
    /// done.
    pub fn execute(&mut self, steps: Vec<Step>, links: &LinkTable, now: Instant) -> bool {
        let mut changed = false;
        for step in steps {
            match step {
                Step::Release { port } => changed |= self.release(port, links),
                Step::Carry { port, desired } => {
                    let Some(link) = links.get(&desired.interface) else {
                        continue;
                    };
                    if self.must_wait(port, link, now) {
                        continue;
                    }
                    match self.carry(port, &desired, link) {
                        Ok(()) => {
                            self.failed.remove(&port);
                            changed = true;
                        }
                        Err(error) => self.note_failure(port, link, &error, now),
                    }
                }
                Step::SetMtu { port, mtu } => self.set_mtu(port, mtu, links),
                Step::SetUp { port } => self.set_up(port, links),
            }
        }
        changed
    }

    /// Forgets failures of ports that are not wanted any more, or whose interface is another one by now,
    /// or none: what is left is tried again when it is due.
    pub fn retain_failures(&mut self, desired: &BTreeMap<PortId, Desired>, links: &LinkTable) {
        for is in self.carried.values_mut() {
            let seen = links.get(&is.interface).map(|link| link.mtu);
            if seen.is_some() && seen == is.mtu {
                is.mtu_before = None;
            }
        }
        self.failed.retain(|port, failed| {
            let link = desired
                .get(port)
                .and_then(|want| links.get(&want.interface));
            link.is_some_and(|link| link.index == failed.ifindex)
        });
    }

    /// Forgets a port's failure: somebody has asked for it anew, and shall hear how it is now.
    pub fn forget_failure(&mut self, port: PortId) {
        self.failed.remove(&port);
    }

    /// Somebody has taken a vport away. Whether it was one of ours.
    pub fn lost(&mut self, number: u32) -> bool {
        let mut ports = self.carried.iter();
        let Some((&port, is)) = ports.find(|(_, is)| is.number == number) else {
            return false;
        };
        tracing::info!(%port, interface = is.interface, number, "the vport is gone");
        self.carried.remove(&port);
        self.hot.detach(port);
        true
    }

    /// Compares what is carried with what the kernel says. Whether a port was lost.
    pub fn review(&mut self) -> Result<bool, Error> {
        let there: BTreeSet<u32> = self.datapath.ports()?.iter().map(|it| it.port_no).collect();
        let numbers = self.carried.values().map(|is| is.number);
        let lost: Vec<u32> = numbers.filter(|number| !there.contains(number)).collect();
        for &number in &lost {
            self.lost(number);
        }
        Ok(!lost.is_empty())
    }

    /// The datapath was made anew, empty.
    pub fn rebuilt(&mut self, datapath: Box<dyn Datapath>) {
        self.datapath = datapath;
        self.carried.clear();
        self.failed.clear();
    }

    fn carry(&mut self, port: PortId, want: &Desired, link: &Link) -> Result<(), CarryError> {
        fitness::check(link, &self.datapath.info()?)?;
        let pids = self.hot.attach(port, &want.interface)?;
        let vport = match self.add_vport(&want.interface, pids) {
            Ok(vport) => vport,
            Err(error) => {
                self.hot.detach(port);
                return Err(error);
            }
        };
        // Only now: what it brings while it is up and has no vport would go to the host.
        if let Err(error) = self.setter.prepare(link, want.mtu) {
            self.delete_vport(vport.port_no);
            self.hot.detach(port);
            return Err(error.into());
        }
        self.hot.attached(port, vport.port_no);
        tracing::info!(%port, interface = want.interface, number = vport.port_no, "carried");
        self.carried.insert(
            port,
            Carried {
                interface: want.interface.clone(),
                ifindex: link.index,
                number: vport.port_no,
                mtu: want.mtu,
                mtu_before: Some(link.mtu),
            },
        );
        Ok(())
    }

    fn add_vport(&mut self, interface: &str, upcall_pids: Vec<u32>) -> Result<Vport, CarryError> {
        let mut vport = NewVport {
            name: interface.to_owned(),
            kind: VportKind::Netdev,
            port_no: None,
            upcall_pids,
        };
        // EBUSY means that the number is taken, or that the interface is: another number tells.
        for _ in 0..2 {
            let number = self.fresh_number()?;
            vport.port_no = Some(number);
            match self.datapath.add_port(&vport) {
                Err(Error::AlreadyExists { .. }) => {}
                other => return Ok(other?),
            }
        }
        self.delete_stray(interface)?;
        let number = self.fresh_number()?;
        vport.port_no = Some(number);
        self.datapath.add_port(&vport).map_err(|error| match error {
            Error::AlreadyExists { .. } => CarryError::Taken(error),
            other => other.into(),
        })
    }

    /// Deletes the vport that an interface has without being carried, if it has one.
    fn delete_stray(&mut self, interface: &str) -> Result<(), Error> {
        let vports = self.datapath.ports()?;
        let mut others = vports.iter().filter(|vport| vport.port_no != 0);
        let Some(stray) = others.find(|vport| vport.name == interface) else {
            return Ok(());
        };
        if self.carried.values().all(|is| is.number != stray.port_no) {
            tracing::warn!(
                interface,
                number = stray.port_no,
                "a vport that nobody knows is made anew"
            );
            self.delete_vport(stray.port_no);
        }
        Ok(())
    }

    fn fresh_number(&mut self) -> Result<u32, CarryError> {
        if self.is_uncounted {
            self.last = self.last.max(self.highest_named()?);
            self.is_uncounted = false;
        }
        self.next_number().ok_or(CarryError::NoNumber)
    }

    fn next_number(&mut self) -> Option<u32> {
        let used: BTreeSet<u32> = self.carried.values().map(|is| is.number).collect();
        let above = (self.last + 1..=HIGHEST).find(|number| !used.contains(number));
        let number = above.or_else(|| (1..=self.last).find(|number| !used.contains(number)))?;
        self.last = number;
        Some(number)
    }

    fn release(&mut self, port: PortId, links: &LinkTable) -> bool {
        let Some(is) = self.carried.remove(&port) else {
            return false;
        };
        tracing::info!(%port, interface = is.interface, number = is.number, "released");
        if let Some(link) = links
            .get(&is.interface)
            .filter(|link| link.index == is.ifindex)
        {
            self.set_down(link);
        }
        self.delete_vport(is.number);
        self.hot.detach(port);
        true
    }

    pub(super) fn delete_vport(&mut self, number: u32) {
        match self.datapath.delete_port(number) {
            // The kernel takes a vport out with its interface.
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(error) => tracing::warn!(number, %error, "a vport stays"),
        }
    }

    fn set_mtu(&mut self, port: PortId, mtu: u32, links: &LinkTable) {
        let Some(is) = self.carried.get_mut(&port) else {
            return;
        };
        is.mtu = Some(mtu);
        let Some(link) = links.get(&is.interface).filter(|link| link.mtu != mtu) else {
            return;
        };
        is.mtu_before = Some(link.mtu);
        if let Err(error) = self.setter.set_mtu(link, mtu) {
            tracing::warn!(%port, %error, "the MTU stays as it is");
        }
    }

    fn set_up(&self, port: PortId, links: &LinkTable) {
        let Some(link) = self
            .carried
            .get(&port)
            .and_then(|is| links.get(&is.interface))
        else {
            return;
        };
        match self.setter.set_up(link) {
            Ok(()) => tracing::info!(%port, interface = link.name, "set up: it carries a port"),
            Err(error) => tracing::debug!(%port, %error, "the interface stays down"),
        }
    }

    /// Before its vport goes.
    pub(super) fn set_down(&self, link: &Link) {
        match self.setter.set_down(link) {
            Ok(()) => {}
            Err(error) if error.is_gone() => {}
            Err(error) => tracing::warn!(%error, "the interface stays up without a port"),
        }
    }

    fn must_wait(&self, port: PortId, link: &Link, now: Instant) -> bool {
        let failed = self.failed.get(&port);
        failed.is_some_and(|failed| failed.ifindex == link.index && now < failed.again)
    }

    fn note_failure(&mut self, port: PortId, link: &Link, error: &CarryError, now: Instant) {
        let (problem, is_gone) = (error.to_string(), error.is_gone());
        let known = self.failed.get(&port);
        if !is_gone && known.is_none_or(|failed| failed.problem != problem) {
            tracing::warn!(%port, interface = link.name, problem, "the port cannot be carried");
        }
        self.failed.insert(
            port,
            Failed {
                problem,
                ifindex: link.index,
                again: now + RETRY,
                is_gone,
            },
        );
    }
}

impl std::fmt::Debug for Carrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Carrier")
            .field("carried", &self.carried)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
