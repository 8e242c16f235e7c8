//! What was asked of this host: interfaces to plug into ports, and ports to give back. Kept on disk, so
//! that it outlives the agent and can be asked while there is none.
//!
//! ```text
//!  plug ─▶ Due ─▶ Asked ─▶ Answered: granted at a revision ─ taken by another host ─▶ forgotten
//!           ▲       │  └──▶ Answered: refused
//!           └───────┘ service away
//!  unplug ─▶ Release: Due ─▶ Asked ─▶ Answered: given back at a revision ─ revision came ─▶ forgotten
//! ```
//!
//! Races:
//! - *Plug, unplug, plug in quick order.* Of one port only one question is under way at a time, and what is
//!   given back is given back before the port is asked for again, or another one for its interface: the
//!   service hears them in the order in which they were meant.
//! - *The agent ends at any point.* What was granted is not asked for again after a restart: another host
//!   may have been given it since. What was not answered is asked again; the service says the same twice.
//! - *The store is another one, or went back*: an answer of a former watch at a revision that the store
//!   has not reached is void, and the question is asked again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use weft_topology::id::PortId;
use weft_wire::plug_file::{PlugFile, Wish as Want};

use super::plug_files::{PlugFiles, VERSION};
use super::wish::{Ask, Release, Wish};
use crate::files::FileError;

/// All of them.
#[derive(Debug)]
pub struct Wishes {
    pub(super) files: PlugFiles,
    pub(super) plugs: BTreeMap<String, Wish>,
    pub(super) releases: BTreeMap<PortId, Release>,
    /// Ports of which a question is under way.
    pub(super) asking: BTreeSet<PortId>,
}

impl Wishes {
    /// Those on disk below a state directory, which is there.
    pub fn load(state_dir: &Path) -> Result<Self, FileError> {
        let mut wishes = Self {
            files: PlugFiles::open(state_dir),
            plugs: BTreeMap::new(),
            releases: BTreeMap::new(),
            asking: BTreeSet::new(),
        };
        for file in wishes.files.parked()? {
            wishes.give_back(file.port, file.interface);
        }
        wishes.rescan()?;
        Ok(wishes)
    }

    /// Takes up what was written beside this agent. Whether anything was.
    pub fn rescan(&mut self) -> Result<bool, FileError> {
        let mut news = false;
        for file in self.files.news()?.unwrap_or_default() {
            news |= match file.wish {
                Want::Plugged => self.take_up_plug(file),
                Want::Unplugged => self.take_up_unplug(file),
            };
        }
        Ok(news)
    }

    fn take_up_plug(&mut self, file: PlugFile) -> bool {
        match self.plugs.get(&file.interface) {
            Some(known) if known.port == file.port => return false,
            Some(known) => {
                let port = known.port;
                self.park(port, &file.interface);
                self.give_back(port, file.interface.clone());
            }
            None => {}
        }
        self.supersede(file.port, &file.interface);
        let wish = Wish {
            port: file.port,
            mtu: file.mtu,
            ask: match file.granted {
                Some(_) => Ask::Answered,
                None => Ask::Due,
            },
            granted: file.granted,
            refused: None,
            is_old: true,
        };
        self.plugs.insert(file.interface, wish);
        true
    }

    fn take_up_unplug(&mut self, file: PlugFile) -> bool {
        let plugged = self.plugs.get(&file.interface);
        let release = self.releases.get_mut(&file.port);
        if plugged.is_some_and(|wish| wish.port == file.port) {
            self.plugs.remove(&file.interface);
        } else if let Some(release) = release.filter(|release| release.told.is_none()) {
            return release.interfaces.insert(file.interface);
        }
        self.give_back(file.port, file.interface);
        true
    }

    /// The plugs by interface.
    pub fn plugs(&self) -> impl Iterator<Item = (&String, &Wish)> {
        self.plugs.iter()
    }

    /// The plug of an interface.
    pub fn get(&self, interface: &str) -> Option<&Wish> {
        self.plugs.get(interface)
    }

    /// The return of a port.
    pub fn release_of(&self, port: PortId) -> Option<&Release> {
        self.releases.get(&port)
    }

    /// The interface that a port is plugged into.
    pub fn interface_of(&self, port: PortId) -> Option<&str> {
        let mut plugs = self.plugs.iter();
        plugs
            .find(|(_, wish)| wish.port == port)
            .map(|(interface, _)| interface.as_str())
    }

    /// Whether a port was given back, so that a binding of it in the store is none any more.
    pub fn is_released(&self, port: PortId) -> bool {
        self.releases.contains_key(&port)
    }

    /// Whether a port's return is on its way to the service.
    pub fn is_being_told(&self, port: PortId) -> bool {
        let release = self.releases.get(&port);
        release.is_some_and(|release| release.told.is_none())
    }

    /// Plugs an interface. On disk when this returns.
    pub fn plug(
        &mut self,
        interface: &str,
        port: PortId,
        mtu: Option<u16>,
    ) -> Result<(), FileError> {
        let known = self.plugs.get(interface);
        let wish = match known.filter(|known| known.port == port && known.refused.is_none()) {
            Some(known) => Wish {
                mtu,
                ..known.clone()
            },
            None => Wish {
                port,
                mtu,
                ask: Ask::Due,
                granted: None,
                refused: None,
                is_old: false,
            },
        };
        for other in self.recorded_by(interface, port) {
            self.files
                .park(&file(interface, other, None, None, Want::Unplugged))?;
        }
        self.write(interface, &wish)?;
        self.supersede(port, interface);
        self.plugs.insert(interface.to_owned(), wish);
        Ok(())
    }

    /// Gives a port back that an interface carried. Where the disk has no room to note it, that is said in
    /// the log, and the port's plug is gone from it at least.
    pub fn unplug(&mut self, interface: &str, port: PortId) {
        let plugged = self.plugs.get(interface);
        if plugged.is_none_or(|wish| wish.port == port) {
            self.plugs.remove(interface);
            for other in self.recorded_by(interface, port) {
                self.park(other, interface);
            }
            let written = self
                .files
                .write(&file(interface, port, None, None, Want::Unplugged));
            if let Err(error) = written {
                tracing::warn!(%error, interface, "the end of a binding is not on disk: if the agent is started \
                    again before the service knows, the service's word counts");
                self.files.remove(interface);
            }
        } else {
            self.park(port, interface);
        }
        self.give_back(port, interface.to_owned());
    }

    /// Forgets a plug, on disk, too.
    pub fn forget(&mut self, interface: &str) {
        self.plugs.remove(interface);
        self.files.remove(interface);
    }

    /// The service is to be told that a port is given back. The disk knows.
    pub(super) fn give_back(&mut self, port: PortId, interface: String) {
        let known = self.releases.get(&port);
        let mut interfaces = known.map_or_else(BTreeSet::new, |known| known.interfaces.clone());
        interfaces.insert(interface);
        let release = Release {
            interfaces,
            ask: Ask::Due,
            told: None,
            is_old: false,
        };
        self.releases.insert(port, release);
    }

    /// An interface is plugged into a port that was to be given back from that same interface: if the
    /// service has not been asked, it need not be.
    fn supersede(&mut self, port: PortId, interface: &str) {
        let Some(release) = self.releases.get(&port) else {
            return;
        };
        let is_its_own = release.interfaces.iter().all(|of| of == interface);
        if release.ask == Ask::Due && is_its_own {
            self.releases.remove(&port);
            self.files.unpark(port);
        }
    }

    /// The other ports whose return only an interface's file has on record.
    fn recorded_by(&self, interface: &str, but: PortId) -> Vec<PortId> {
        let releases = self.releases.iter();
        releases
            .filter(|(port, release)| {
                **port != but && release.told.is_none() && release.interfaces.contains(interface)
            })
            .map(|(port, _)| *port)
            .collect()
    }

    pub(super) fn park(&self, port: PortId, interface: &str) {
        let parked = self
            .files
            .park(&file(interface, port, None, None, Want::Unplugged));
        if let Err(error) = parked {
            tracing::warn!(%error, %port, "the return of a port is not on disk");
        }
    }

    pub(super) fn write(&self, interface: &str, wish: &Wish) -> Result<(), FileError> {
        let Wish {
            port, mtu, granted, ..
        } = wish;
        self.files
            .write(&file(interface, *port, *mtu, *granted, Want::Plugged))
    }
}

fn file(
    interface: &str,
    port: PortId,
    mtu: Option<u16>,
    granted: Option<u64>,
    wish: Want,
) -> PlugFile {
    PlugFile {
        v: VERSION,
        interface: interface.to_owned(),
        port,
        mtu,
        wish,
        granted,
    }
}
