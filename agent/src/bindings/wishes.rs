//! What was asked of this host: interfaces to plug into ports, and ports to give back. Kept on disk, so
//! that it outlives the agent and can be asked while there is none ([`weft_wire::plug_file`]).
//!
//! ```text
//!  plug ─▶ Due ─▶ Asked ─▶ Answered: granted at a revision ─ taken by another host ─▶ forgotten
//!           ▲       │  └──▶ Answered: refused
//!           └───────┘ service away
//!  unplug ─▶ Release: Due ─▶ Asked ─▶ Answered: given back at a revision ─ revision came ─▶ forgotten
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use weft_topology::id::PortId;
use weft_wire::plug_file::{self, FOLDER, PlugFile, Wish as Want};

use crate::files::{FileError, make_dir, remove_if_there, write_whole};

/// Version of the files' form.
const VERSION: u32 = 1;

/// How far the service was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// It has to be asked.
    Due,
    /// It has been asked and has not answered.
    Asked,
    /// It has answered.
    Answered,
}

/// An interface that should carry a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The port.
    pub port: PortId,
    /// MTU asked for.
    pub mtu: Option<u16>,
    /// How far the service was asked.
    pub ask: Ask,
    /// The revision at which it granted it.
    pub granted: Option<u64>,
    /// Why it refused it.
    pub refused: Option<String>,
}

/// A port that is given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The interface that carried it.
    pub interface: String,
    /// How far the service was asked.
    pub ask: Ask,
    /// The revision at which it took it back.
    pub told: Option<u64>,
}

/// All of them.
#[derive(Debug)]
pub struct Wishes {
    state_dir: PathBuf,
    /// When the folder was last written to, as far as its files have been read.
    read: Option<SystemTime>,
    plugs: BTreeMap<String, Wish>,
    releases: BTreeMap<PortId, Release>,
}

impl Wishes {
    /// Those on disk below a state directory, which is there.
    pub fn load(state_dir: &Path) -> Result<Self, FileError> {
        make_dir(&state_dir.join(FOLDER))?;
        let mut wishes = Self {
            state_dir: state_dir.to_owned(),
            read: None,
            plugs: BTreeMap::new(),
            releases: BTreeMap::new(),
        };
        wishes.rescan()?;
        Ok(wishes)
    }

    /// Takes up what was written beside this agent. Whether anything was.
    pub fn rescan(&mut self) -> Result<bool, FileError> {
        let folder = self.state_dir.join(FOLDER);
        // Looked at before the files: what comes between the two is read again the next time.
        let written = std::fs::metadata(&folder).and_then(|of| of.modified()).ok();
        if written.is_some() && written == self.read {
            return Ok(false);
        }
        let mut news = false;
        for file in read_all(&folder)? {
            let known = self.plugs.get(&file.interface);
            match file.wish {
                Want::Plugged if known.is_none_or(|wish| wish.port != file.port) => {
                    self.releases.remove(&file.port);
                    self.plugs.insert(
                        file.interface,
                        Wish {
                            port: file.port,
                            mtu: file.mtu,
                            ask: Ask::Due,
                            granted: file.granted,
                            refused: None,
                        },
                    );
                    news = true;
                }
                Want::Plugged => {}
                Want::Unplugged if !self.releases.contains_key(&file.port) => {
                    self.plugs.remove(&file.interface);
                    self.releases.insert(
                        file.port,
                        Release {
                            interface: file.interface,
                            ask: Ask::Due,
                            told: None,
                        },
                    );
                    news = true;
                }
                Want::Unplugged => {}
            }
        }
        self.read = written;
        Ok(news)
    }

    /// The plugs by interface.
    pub fn plugs(&self) -> impl Iterator<Item = (&String, &Wish)> {
        self.plugs.iter()
    }

    /// The plug of an interface.
    pub fn get(&self, interface: &str) -> Option<&Wish> {
        self.plugs.get(interface)
    }

    /// The interface that a port is plugged into.
    pub fn interface_of(&self, port: PortId) -> Option<&str> {
        let mut plugs = self.plugs.iter();
        plugs
            .find(|(_, wish)| wish.port == port)
            .map(|(interface, _)| interface.as_str())
    }

    /// Whether an interface no longer carries a port, whatever the store says as yet.
    pub fn is_released(&self, port: PortId, interface: &str) -> bool {
        let release = self.releases.get(&port);
        release.is_some_and(|release| release.interface == interface)
    }

    /// Whether a port's return is on its way to the service.
    pub fn is_being_told(&self, port: PortId) -> bool {
        let release = self.releases.get(&port);
        release.is_some_and(|release| release.told.is_none())
    }

    /// Plugs an interface. On disk when this returns. If the port is just being given back, the service is
    /// asked once it has answered to that.
    pub fn plug(
        &mut self,
        interface: &str,
        port: PortId,
        mtu: Option<u16>,
    ) -> Result<(), FileError> {
        let wish = Wish {
            port,
            mtu,
            ask: Ask::Due,
            granted: None,
            refused: None,
        };
        self.write(interface, &wish, Want::Plugged)?;
        let untold = |release: &Release| release.ask == Ask::Due;
        if let Some(release) = self.releases.get(&port).filter(|it| untold(it)).cloned() {
            self.releases.remove(&port);
            if release.interface != interface {
                self.remove_file(&release.interface);
            }
        }
        self.plugs.insert(interface.to_owned(), wish);
        Ok(())
    }

    /// Gives a port back, and the interface with it. On disk when this returns.
    pub fn unplug(&mut self, interface: &str, port: PortId) -> Result<(), FileError> {
        let wish = self.plugs.get(interface).cloned().unwrap_or(Wish {
            port,
            mtu: None,
            ask: Ask::Due,
            granted: None,
            refused: None,
        });
        self.write(interface, &wish, Want::Unplugged)?;
        self.plugs.remove(interface);
        self.releases.insert(
            port,
            Release {
                interface: interface.to_owned(),
                ask: Ask::Due,
                told: None,
            },
        );
        Ok(())
    }

    /// Forgets a plug, on disk, too.
    pub fn forget(&mut self, interface: &str) {
        self.plugs.remove(interface);
        self.remove_file(interface);
    }

    /// The service has to be asked these: port and interface of plugs, then ports to give back. They
    /// count as asked from now on.
    pub fn ask_due(&mut self) -> (Vec<(PortId, String)>, Vec<PortId>) {
        let mut plugs = Vec::new();
        for (interface, wish) in &mut self.plugs {
            let returning = self
                .releases
                .get(&wish.port)
                .is_some_and(|release| release.ask != Ask::Answered);
            if wish.ask == Ask::Due && !returning {
                wish.ask = Ask::Asked;
                plugs.push((wish.port, interface.clone()));
            }
        }
        let mut back = Vec::new();
        for (port, release) in &mut self.releases {
            if release.ask == Ask::Due {
                release.ask = Ask::Asked;
                back.push(*port);
            }
        }
        (plugs, back)
    }

    /// The service was away: it has to be asked again.
    pub fn ask_again(&mut self, port: PortId, interface: Option<&str>) {
        match interface {
            Some(interface) => {
                if let Some(wish) = self.asked(interface, port) {
                    wish.ask = Ask::Due;
                }
            }
            None => {
                if let Some(release) = self.releases.get_mut(&port) {
                    release.ask = Ask::Due;
                }
            }
        }
    }

    /// The service granted a plug. Whether it is still wanted.
    pub fn granted(&mut self, port: PortId, interface: &str, revision: u64) -> bool {
        let Some(wish) = self.asked(interface, port) else {
            return false;
        };
        wish.ask = Ask::Answered;
        wish.granted = Some(revision);
        wish.refused = None;
        let wish = wish.clone();
        if let Err(error) = self.write(interface, &wish, Want::Plugged) {
            tracing::warn!(%error, interface, "the grant is not on disk: it is asked for again after a restart");
        }
        true
    }

    /// The service refused a plug.
    pub fn refused(&mut self, port: PortId, interface: &str, why: &str) {
        if let Some(wish) = self.asked(interface, port) {
            wish.ask = Ask::Answered;
            wish.refused = Some(why.to_owned());
        }
    }

    /// The service took a port back.
    pub fn returned(&mut self, port: PortId, revision: u64) {
        let Some(release) = self.releases.get_mut(&port) else {
            return;
        };
        release.ask = Ask::Answered;
        release.told = Some(revision);
        let interface = release.interface.clone();
        if !self.plugs.contains_key(&interface) {
            self.remove_file(&interface);
        }
    }

    /// Forgets what is settled at a revision: ports that were given back, and plugs whose port `is_here`
    /// denies though they had been granted before. Returns the interfaces of the latter.
    pub fn settle(
        &mut self,
        revision: u64,
        is_here: impl Fn(PortId, &str) -> bool,
    ) -> Vec<(String, PortId)> {
        self.releases
            .retain(|_, release| release.told.is_none_or(|told| told > revision));
        let lost: Vec<(String, PortId)> = self
            .plugs
            .iter()
            .filter(|(interface, wish)| {
                wish.ask == Ask::Answered
                    && wish.granted.is_some_and(|granted| granted <= revision)
                    && !is_here(wish.port, interface)
            })
            .map(|(interface, wish)| (interface.clone(), wish.port))
            .collect();
        for (interface, _) in &lost {
            self.forget(interface);
        }
        lost
    }

    fn asked(&mut self, interface: &str, port: PortId) -> Option<&mut Wish> {
        let wish = self.plugs.get_mut(interface)?;
        (wish.port == port && wish.ask == Ask::Asked).then_some(wish)
    }

    fn write(&self, interface: &str, wish: &Wish, want: Want) -> Result<(), FileError> {
        let path = plug_file::path_of(&self.state_dir, interface);
        let file = PlugFile {
            v: VERSION,
            interface: interface.to_owned(),
            port: wish.port,
            mtu: wish.mtu,
            wish: want,
            granted: wish.granted,
        };
        let content = serde_json::to_vec_pretty(&file).map_err(|error| FileError {
            attempt: "write",
            path: path.clone(),
            source: error.into(),
        })?;
        write_whole(&path, &content)
    }

    fn remove_file(&self, interface: &str) {
        let path = plug_file::path_of(&self.state_dir, interface);
        if let Err(error) = remove_if_there(&path) {
            tracing::warn!(%error, "a binding that has ended is still on disk");
        }
    }
}

/// The files of a folder. One that is damaged is passed over: it must not keep its neighbours down.
fn read_all(folder: &Path) -> Result<Vec<PlugFile>, FileError> {
    let failed = FileError::at("read", folder);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(source) => return Err(failed(source)),
    };
    let mut files = Vec::new();
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.extension().is_none_or(|suffix| suffix != "json") {
            continue;
        }
        let read = std::fs::read(&path).map_err(|error| error.to_string());
        let parsed = read.and_then(|content| {
            serde_json::from_slice::<PlugFile>(&content).map_err(|error| error.to_string())
        });
        match parsed {
            Ok(file)
                if path
                    .file_stem()
                    .is_some_and(|stem| *stem == *file.interface) =>
            {
                files.push(file);
            }
            Ok(file) => tracing::warn!(path = %path.display(), interface = file.interface,
                "a binding's file names another interface: it is passed over"),
            Err(error) => tracing::warn!(path = %path.display(), error,
                "a binding's file is damaged: it is passed over; delete it"),
        }
    }
    files.sort_by(|a, b| a.interface.cmp(&b.interface));
    Ok(files)
}
