//! `weft-agent --purge`: removes from the kernel and from the disk what an agent left.

use std::fs;

use weft_ovs::{Error, KernelDatapath, OpenMode};
use weft_wire::plug_file::FOLDER;

use crate::bindings::RELEASES;
use crate::config::Config;
use crate::core::SNAPSHOT;
use crate::files::{FileError, remove_if_there};

/// Why something is left.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// In the kernel.
    #[error(transparent)]
    Datapath(#[from] Error),
    /// On disk.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Removes the datapath with its vports and flows, then the state. The locks are held. What is not there
/// is no error.
pub fn purge(config: &Config) -> Result<(), PurgeError> {
    match KernelDatapath::open(&config.datapath, OpenMode::Adopt) {
        Ok(datapath) => datapath.destroy()?,
        Err(Error::NotFound { .. } | Error::NoModule { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    for name in [FOLDER, RELEASES] {
        let folder = config.state_dir.join(name);
        match fs::remove_dir_all(&folder) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(FileError::at("remove", &folder)(source).into());
            }
            _ => {}
        }
    }
    for name in [SNAPSHOT, "host-id"] {
        remove_if_there(&config.state_dir.join(name))?;
    }
    remove_if_there(&config.socket())?;
    Ok(())
}
