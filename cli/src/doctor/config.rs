//! Where this host's agent has its files, by its configuration.

use std::path::{Path, PathBuf};

/// The places that the checks look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// State.
    pub state_dir: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            state_dir: "/var/lib/weft".into(),
        }
    }
}

impl Places {
    /// As an agent's configuration says; a file that is absent, or not understood, means the defaults: the agent
    /// says what is wrong with it when it starts.
    pub fn by(config: &Path) -> Self {
        let text = std::fs::read_to_string(config).unwrap_or_default();
        let table: toml::Table = text.parse().unwrap_or_default();
        let state_dir = table.get("state_dir").and_then(toml::Value::as_str);
        match state_dir {
            Some(state_dir) => Self {
                state_dir: state_dir.into(),
            },
            None => Self::default(),
        }
    }
}
