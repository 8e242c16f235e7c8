//! Where the agent's socket and state directory are: from the command line, else from the agent's
//! configuration, else the defaults.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::Error;

/// The agent's configuration file.
pub const CONFIG: &str = "/etc/weft/agent.toml";

/// Where the agent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Its control socket.
    pub socket: PathBuf,
    /// Its state directory.
    pub state_dir: PathBuf,
}

/// The two keys of the agent's configuration that matter here; the agent checks the rest.
#[derive(Deserialize)]
struct Config {
    #[serde(default = "default_state_dir")]
    state_dir: PathBuf,
    #[serde(default = "default_run_dir")]
    run_dir: PathBuf,
}

impl Places {
    /// Reads the configuration; one that is absent means the defaults. `socket` wins over it.
    pub fn find(config: &Path, socket: Option<PathBuf>) -> Result<Self, Error> {
        let text = match fs::read_to_string(config) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => {
                return Err(Error::File {
                    attempt: "read",
                    path: config.to_owned(),
                    source,
                });
            }
        };
        let Config { state_dir, run_dir } =
            toml::from_str(&text).map_err(|error| Error::Config {
                path: config.to_owned(),
                problem: error.to_string(),
            })?;
        Ok(Self {
            socket: socket.unwrap_or_else(|| run_dir.join("agent.sock")),
            state_dir,
        })
    }

    /// The id that the agent made for this host.
    pub fn host_id(&self) -> Result<String, Error> {
        let path = self.state_dir.join("host-id");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NoHostId(path)),
            Err(source) => Err(Error::File {
                attempt: "read",
                path,
                source,
            }),
        }
    }
}

fn default_state_dir() -> PathBuf {
    PathBuf::from("/var/lib/weft")
}

fn default_run_dir() -> PathBuf {
    PathBuf::from("/run/weft")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_configuration_means_the_defaults() {
        let places = Places::find(Path::new("/nonexistent/agent.toml"), None).unwrap();
        assert_eq!(places.socket, Path::new("/run/weft/agent.sock"));
        assert_eq!(places.state_dir, Path::new("/var/lib/weft"));
    }

    #[test]
    fn the_socket_of_the_command_line_wins_over_the_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("agent.toml");
        fs::write(
            &config,
            "run_dir = \"/run/other\"\nstate_dir = \"/srv\"\nlog = \"info\"\n",
        )
        .unwrap();
        let places = Places::find(&config, Some("/tmp/x.sock".into())).unwrap();
        assert_eq!(places.socket, Path::new("/tmp/x.sock"));
        assert_eq!(places.state_dir, Path::new("/srv"));
        assert_eq!(
            Places::find(&config, None).unwrap().socket,
            Path::new("/run/other/agent.sock")
        );
    }
}
