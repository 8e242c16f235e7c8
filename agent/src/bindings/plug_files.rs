//! The wishes on disk ([`weft_wire::plug_file`]): one file an interface, which the VIF driver writes, too,
//! while the agent is down.
//!
//! A file says of its interface that it is plugged, or that it was unplugged and the service has not been
//! told. If the interface is plugged into another port by then, the file is needed for that: the port
//! to give back is then noted in a folder of its own, by its id.

use std::collections::BTreeSet;
use std::fs::DirEntry;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use weft_topology::id::PortId;
use weft_wire::plug_file::{FOLDER, PlugFile, path_of};

use crate::files::{FileError, make_dir, remove_if_there, write_whole};

/// Version of the files' form.
pub(super) const VERSION: u32 = 1;
/// Folder of the ports to give back whose interfaces carry others, below the state directory.
pub const RELEASES: &str = "releases";
/// A folder's time of change is sure to be another one after the next change only so much later.
const STEP: Duration = Duration::from_secs(2);

/// The folders.
#[derive(Debug)]
pub(super) struct PlugFiles {
    state_dir: PathBuf,
    /// When the folder was last written to, as far as its files have been read.
    read: Option<SystemTime>,
    /// Files that were complained of.
    passed_over: BTreeSet<PathBuf>,
    /// One of them may be read the next time.
    is_read_again: bool,
}

/// Why a file is passed over.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    /// The system did not let it be read (no descriptor is free, the disk failed): it is tried again.
    #[error("a binding's file cannot be read, its port is not carried until it can: {0}")]
    Unreadable(#[from] std::io::Error),
    /// What stands in it is no binding.
    #[error("a binding's file is damaged: it is passed over; delete it: {0}")]
    Damaged(String),
}

impl PlugFiles {
    /// Those below a state directory, which is there.
    pub(super) fn open(state_dir: &Path) -> Self {
        Self {
            state_dir: state_dir.to_owned(),
            read: None,
            passed_over: BTreeSet::new(),
            is_read_again: false,
        }
    }

    /// All files, in the order of interfaces, if any may have been written since this was last asked.
    pub(super) fn news(&mut self) -> Result<Option<Vec<PlugFile>>, FileError> {
        let folder = self.state_dir.join(FOLDER);
        make_dir(&folder)?;
        // Looked at before the files: what comes between the two is read again the next time.
        let written = std::fs::metadata(&folder).and_then(|of| of.modified()).ok();
        if written.is_some() && written == self.read {
            return Ok(None);
        }
        let files = self.read_all(&folder, |file, stem| file.interface == stem)?;
        let age = written.and_then(|written| SystemTime::now().duration_since(written).ok());
        let is_settled = age.is_some_and(|age| age > STEP) && !self.is_read_again;
        self.read = written.filter(|_| is_settled);
        Ok(Some(files))
    }

    /// The ports to give back whose interfaces carry others.
    pub(super) fn parked(&mut self) -> Result<Vec<PlugFile>, FileError> {
        let folder = self.state_dir.join(RELEASES);
        make_dir(&folder)?;
        self.read_all(&folder, |file, stem| file.port.to_string() == stem)
    }

    /// Writes an interface's file.
    pub(super) fn write(&self, file: &PlugFile) -> Result<(), FileError> {
        make_dir(&self.state_dir.join(FOLDER))?;
        write(&path_of(&self.state_dir, &file.interface), file)
    }

    /// Removes an interface's file.
    pub(super) fn remove(&self, interface: &str) {
        remove(&path_of(&self.state_dir, interface));
    }

    /// Notes a port to give back beside its interface's file.
    pub(super) fn park(&self, file: &PlugFile) -> Result<(), FileError> {
        make_dir(&self.state_dir.join(RELEASES))?;
        write(&self.parked_path(file.port), file)
    }

    /// Removes that note, if there is one.
    pub(super) fn unpark(&self, port: PortId) {
        remove(&self.parked_path(port));
    }

    fn parked_path(&self, port: PortId) -> PathBuf {
        self.state_dir.join(RELEASES).join(format!("{port}.json"))
    }

    /// The files of a folder. One that is of no use is passed over: it must not keep its neighbours down.
    fn read_all(
        &mut self,
        folder: &Path,
        is_named_so: impl Fn(&PlugFile, &str) -> bool,
    ) -> Result<Vec<PlugFile>, FileError> {
        let entries = std::fs::read_dir(folder).map_err(FileError::at("read", folder))?;
        let mut files = Vec::new();
        let mut passed_over = BTreeSet::new();
        self.is_read_again = false;
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else {
                continue;
            };
            if path.extension().is_none_or(|suffix| suffix != "json") {
                continue;
            }
            let file = read(&entry).and_then(|file| match is_named_so(&file, stem) {
                true => Ok(file),
                false => Err(Unusable::Damaged(format!(
                    "it is of interface {} and port {}, its name says otherwise",
                    file.interface, file.port
                ))),
            });
            match file {
                Ok(file) => files.push(file),
                // It was deleted meanwhile.
                Err(Unusable::Unreadable(error)) if error.kind() == ErrorKind::NotFound => {}
                Err(problem) => {
                    self.is_read_again |= matches!(problem, Unusable::Unreadable(_));
                    if !self.passed_over.contains(&path) {
                        tracing::warn!(path = %path.display(), "{problem}");
                    }
                    passed_over.insert(path);
                }
            }
        }
        self.passed_over.retain(|path| !path.starts_with(folder));
        self.passed_over.extend(passed_over);
        files.sort_by(|a, b| (&a.interface, a.port).cmp(&(&b.interface, b.port)));
        Ok(files)
    }
}

fn read(entry: &DirEntry) -> Result<PlugFile, Unusable> {
    if !entry.file_type()?.is_file() {
        // To open a pipe would wait for its writer.
        return Err(Unusable::Damaged("it is no file".to_owned()));
    }
    let content = std::fs::read(entry.path())?;
    let file: PlugFile =
        serde_json::from_slice(&content).map_err(|error| Unusable::Damaged(error.to_string()))?;
    if file.v != VERSION {
        let problem = format!("its form is version {}, want {VERSION}", file.v);
        return Err(Unusable::Damaged(problem));
    }
    Ok(file)
}

fn write(path: &Path, file: &PlugFile) -> Result<(), FileError> {
    let content = serde_json::to_vec_pretty(file).map_err(|error| FileError {
        attempt: "write",
        path: path.to_owned(),
        source: error.into(),
    })?;
    write_whole(path, &content)
}

fn remove(path: &Path) {
    if let Err(error) = remove_if_there(path) {
        tracing::warn!(%error, "a binding that has ended is still on disk");
    }
}
