//! `weft-agent --purge`: removes from the kernel and from the disk what an agent left.

use std::collections::BTreeSet;
use std::fs;

use weft_ovs::conntrack::Filter;
use weft_ovs::{ConnectionLimits, Datapath, Error, KernelDatapath, Limited, OpenMode};
use weft_wire::plug_file::FOLDER;

use crate::accounts;
use crate::bindings::RELEASES;
use crate::config::Config;
use crate::core::{CONVERSATIONS, SNAPSHOT};
use crate::files::{FileError, remove_if_there};
use crate::links::{LinkError, LinkSetter, SetLinks};

/// Why something is left.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// In the kernel.
    #[error(transparent)]
    Datapath(#[from] Error),
    /// At the host's interfaces.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// No runtime.
    #[error("start a runtime: {0}")]
    Runtime(#[from] std::io::Error),
    /// On disk.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Sets the interfaces down that carry ports: what they bring would go to the host's own IP stack.
fn set_down(datapath: &mut KernelDatapath) -> Result<(), PurgeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let setter = LinkSetter::open(runtime.handle())?;
    let links = setter.list()?;
    for vport in datapath.ports()?.iter().filter(|vport| vport.port_no != 0) {
        if let Some(link) = links.iter().find(|link| link.name == vport.name) {
            setter.set_down(link)?;
        }
    }
    Ok(())
}

/// Deletes the connections of the datapath's ports, one by one: there is no safer way.
fn forget_connections(datapath: &mut KernelDatapath) -> Result<(), Error> {
    let ports = datapath.ports()?;
    let zones: BTreeSet<u16> = ports
        .iter()
        .filter_map(|vport| u16::try_from(vport.port_no).ok().filter(|zone| *zone != 0))
        .collect();
    let mut conntrack = datapath.conntrack()?;
    let mut found = Vec::new();
    conntrack.list(Filter::default(), &mut |entry| {
        found.extend(entry.ok().filter(|entry| zones.contains(&entry.zone)));
    })?;
    for entry in found {
        let _ = conntrack.delete(entry.zone, &entry.original)?;
    }
    for zone in zones {
        datapath.clear_limit(Limited::Zone(zone))?;
    }
    Ok(())
}

/// Removes the datapath with its vports and flows, then the state. The locks are held. What is not there
/// is no error.
pub fn purge(config: &Config) -> Result<(), PurgeError> {
    match KernelDatapath::open(&config.datapath, OpenMode::Adopt) {
        Ok(mut datapath) => {
            set_down(&mut datapath)?;
            // They end by themselves, later.
            if let Err(error) = forget_connections(&mut datapath) {
                tracing::warn!(%error, "connections, or limits of them, are left in the kernel");
            }
            datapath.destroy()?;
        }
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
    for name in [SNAPSHOT, accounts::FILE, "host-id"] {
        remove_if_there(&config.state_dir.join(name))?;
    }
    remove_if_there(&config.run_dir.join(CONVERSATIONS))?;
    remove_if_there(&config.socket())?;
    Ok(())
}
