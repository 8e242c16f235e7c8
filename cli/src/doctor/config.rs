//! Where this host's agent has its files, by its configuration.

use std::path::{Path, PathBuf};

/// The places that the checks look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// State.
    pub state_dir: PathBuf,
    /// The control socket.
    pub socket: PathBuf,
    /// The first of the services that it asks.
    pub api: String,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            state_dir: "/var/lib/weft".into(),
            socket: "/run/weft/agent.sock".into(),
            api: "http://127.0.0.1:8181/midonet-api".to_owned(),
        }
    }
}

impl Places {
    /// As an agent's configuration says; a file that is absent, or not understood, means the defaults: the agent
    /// says what is wrong with it when it starts.
    pub fn by(config: &Path) -> Self {
        let text = std::fs::read_to_string(config).unwrap_or_default();
        let table: toml::Table = text.parse().unwrap_or_default();
        let mut places = Self::default();
        if let Some(folder) = table.get("state_dir").and_then(toml::Value::as_str) {
            places.state_dir = folder.into();
        }
        if let Some(folder) = table.get("run_dir").and_then(toml::Value::as_str) {
            places.socket = Path::new(folder).join("agent.sock");
        }
        let urls = table.get("api").and_then(|api| api.get("urls"));
        let first = urls.and_then(|urls| urls.get(0));
        if let Some(url) = first.and_then(toml::Value::as_str) {
            places.api = url.to_owned();
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_agents_configuration_leaves_out_is_where_it_usually_is() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("agent.toml");
        assert_eq!(Places::by(&file), Places::default());
        let text =
            "run_dir = \"/run/other\"\n[api]\nurls = [\"http://api.example/x\", \"http://b\"]\n";
        std::fs::write(&file, text).unwrap();
        let places = Places::by(&file);
        assert_eq!(places.state_dir, Places::default().state_dir);
        assert_eq!(places.socket, Path::new("/run/other/agent.sock"));
        assert_eq!(places.api, "http://api.example/x");
    }
}
