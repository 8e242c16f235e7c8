//! Who this host is: an id of its own, made once and kept on disk, and a name.

use std::path::{Path, PathBuf};

use uuid::Uuid;
use weft_topology::id::HostId;

use crate::config::Config;
use crate::files::{FileError, read_if_there, write_whole};

/// The host's id and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its id.
    pub id: HostId,
    /// Its name, as Neutron's `binding:host_id` has it.
    pub name: String,
}

/// Why it is not known who this host is.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file holds no id.
    #[error(
        "{path} holds no UUID: '{content}'; put the host's id back, or delete the file to make this a \
         new host"
    )]
    NotAnId {
        /// The file.
        path: PathBuf,
        /// What it holds instead, as far as it is text.
        content: String,
    },
    /// The machine has no name.
    #[error("the machine has no name in {0}; set host_name in the configuration")]
    NoName(PathBuf),
}

impl Identity {
    /// Finds out, and makes an id where there is none. The state directory is there, and locked.
    pub fn find(config: &Config) -> Result<Self, IdentityError> {
        let id = host_id(&config.state_dir.join("host-id"))?;
        let name = match config.host_name.as_str() {
            "" => machine_name(Path::new("/proc/sys/kernel/hostname"))?,
            name => name.to_owned(),
        };
        Ok(Self { id, name })
    }
}

fn host_id(path: &Path) -> Result<HostId, IdentityError> {
    let Some(content) = read_if_there(path)? else {
        let id = Uuid::new_v4();
        write_whole(path, format!("{id}\n").as_bytes())?;
        return Ok(HostId(id));
    };
    let content = String::from_utf8_lossy(&content);
    let id = content.trim().parse().map_err(|_| IdentityError::NotAnId {
        path: path.to_owned(),
        content: content.trim().chars().take(64).collect(),
    })?;
    Ok(HostId(id))
}

fn machine_name(path: &Path) -> Result<String, IdentityError> {
    let name = read_if_there(path)?.unwrap_or_default();
    let name = String::from_utf8_lossy(&name).trim().to_owned();
    if name.is_empty() || name == "(none)" {
        return Err(IdentityError::NoName(path.to_owned()));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(dir: &Path) -> Config {
        Config {
            state_dir: dir.to_owned(),
            ..Config::default()
        }
    }

    #[test]
    fn an_id_is_made_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let first = Identity::find(&config(dir.path())).unwrap();
        assert_eq!(Identity::find(&config(dir.path())).unwrap(), first);
        assert!(!first.name.is_empty());
        let other = tempfile::tempdir().unwrap();
        assert_ne!(Identity::find(&config(other.path())).unwrap().id, first.id);
    }

    #[test]
    fn the_configured_name_wins_over_the_machines() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config {
            host_name: "hv-7".to_owned(),
            ..config(dir.path())
        };
        assert_eq!(Identity::find(&config).unwrap().name, "hv-7");
    }

    #[test]
    fn a_damaged_id_is_an_error_and_not_a_new_host() {
        let dir = tempfile::tempdir().unwrap();
        for content in ["", "not an id", "\u{0}\u{0}"] {
            std::fs::write(dir.path().join("host-id"), content).unwrap();
            let error = Identity::find(&config(dir.path())).unwrap_err();
            assert!(matches!(error, IdentityError::NotAnId { .. }), "{error}");
        }
    }
}
