//! The agent's configuration file: TOML, every key with a default, so that an empty file is valid.
//!
//! Keys are checked against those of the default configuration before values are read, so that a key
//! which is misspelt, or stands in the wrong section, is told with the right one.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use reqwest::Url;
use serde::{Deserialize, Serialize};
use toml::de::{DeTable, DeValue};
use weft_observe::logs;
use weft_topology::validate::is_interface_name;

use crate::hot::Limits;

/// Where the configuration is unless told.
pub const DEFAULT_PATH: &str = "/etc/weft/agent.toml";
/// The longest path of a unix socket (`sun_path`), without the ending zero.
const LONGEST_SOCKET_PATH: usize = 107;

/// The agent's configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Config {
    /// The host's name, which Neutron's `binding:host_id` names; empty: the machine's. At most 255 bytes, no blanks.
    pub host_name: String,
    /// What outlives the agent: host id, bindings, snapshot, counters; made if absent. Deleting it all makes a new
    /// host.
    pub state_dir: PathBuf,
    /// Where the control socket `agent.sock` is; made if absent.
    pub run_dir: PathBuf,
    /// The kernel datapath's name, which is that of its own device: 1 to 15 bytes.
    pub datapath: String,
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, `off`, or a list such as
    /// `info,weft_agent=debug`. `weft log-level` changes it while the agent runs.
    pub log: String,
    /// The topology service.
    pub api: Api,
    /// Metrics and health.
    pub metrics: Metrics,
    /// Bounds on what a port may use.
    pub limits: LimitsSection,
    /// For finding faults.
    pub debug: Debug,
}

/// The topology service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Api {
    /// The topology service's base URLs, `http` only; the first that answers is used.
    pub urls: Vec<String>,
}

/// Metrics and health.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Metrics {
    /// Where `/metrics`, `/healthz` and `/readyz` are served, to whoever can connect. An address that is taken costs
    /// these, and an error in the log, not the network.
    pub listen: SocketAddr,
}

/// Bounds on what a port may use; see [`Limits`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct LimitsSection {
    /// Flows in the kernel whose packets come in by one port, at least 1; the oldest makes room.
    pub flows_per_port: u32,
    /// Connections that one port may have; one more is dropped where it would begin. 0: no limit. The kernel counts by
    /// looking at all of them as a connection begins, so a high limit costs where there are many.
    pub connections_per_zone: u32,
    /// Packets a second that the agent answers itself, for each port and class, at least 1; the burst is the same.
    pub punts_per_port: u32,
    /// Fragments a second of one port that the kernel puts together where a rule needs the whole datagram, at least 1;
    /// the burst is the same.
    pub fragments_per_port: u32,
    /// Packets a second of one port that rules log, at least 1.
    pub logs_per_port: u32,
    /// Packets of one port that rules log at once, at least 1.
    pub log_burst: u32,
}

/// For finding faults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Debug {
    /// The kernel's flows are simulated again in the background, each within some minutes; one that is not right is
    /// counted, logged and repaired.
    pub audit: bool,
    /// Every field in every flow's mask: each connection gets flows of its own. The counterpart of Open vSwitch's
    /// `disable-megaflows`; slow.
    pub exact_flows: bool,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// It is not TOML, or a value has the wrong type.
    #[error("{path}: {source}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// There is no such key.
    #[error("{path}, line {line}: there is no key '{key}'{hint}")]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// The key with its section.
        key: String,
        /// What was meant, perhaps.
        hint: String,
    },
    /// A value cannot be used.
    #[error("{path}: {key}: {problem}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The key with its section.
        key: &'static str,
        /// What is wrong, and what to do.
        problem: String,
    },
}

// === impl Config ===

impl Config {
    /// Reads and checks a configuration file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// Reads and checks a configuration; `path` is for errors.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let syntax = |source| ConfigError::Syntax {
            path: path.to_owned(),
            source: Box::new(source),
        };
        let table = DeTable::parse(text).map_err(syntax)?;
        let known = known_keys();
        for (key, at) in keys_of(table.get_ref()) {
            if !known.contains(&key) {
                return Err(ConfigError::UnknownKey {
                    path: path.to_owned(),
                    line: 1 + text.get(..at).unwrap_or_default().matches('\n').count(),
                    hint: hint(&key, &known),
                    key,
                });
            }
        }
        let config: Self = toml::from_str(text).map_err(syntax)?;
        config
            .check()
            .map_err(|(key, problem)| ConfigError::Value {
                path: path.to_owned(),
                key,
                problem,
            })?;
        Ok(config)
    }

    /// The control socket.
    pub fn socket(&self) -> PathBuf {
        self.run_dir.join("agent.sock")
    }

    /// The limits as the hot path takes them.
    pub fn limits(&self) -> Limits {
        Limits {
            flows_per_port: self.limits.flows_per_port,
            connections_per_zone: self.limits.connections_per_zone,
            punts_per_port: self.limits.punts_per_port,
            fragments_per_port: self.limits.fragments_per_port,
            logs_per_port: self.limits.logs_per_port,
            log_burst: self.limits.log_burst,
        }
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        let name = &self.host_name;
        if name.len() > 255 || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err((
                "host_name",
                format!("'{name}' has blanks or more than 255 bytes"),
            ));
        }
        for (key, dir) in [("state_dir", &self.state_dir), ("run_dir", &self.run_dir)] {
            if !dir.is_absolute() {
                return Err((key, format!("'{}' must begin with /", dir.display())));
            }
        }
        let length = self.socket().as_os_str().len();
        if length > LONGEST_SOCKET_PATH {
            return Err((
                "run_dir",
                format!(
                    "its agent.sock would have {length} bytes, a socket has {LONGEST_SOCKET_PATH} at \
                     most; choose a shorter directory"
                ),
            ));
        }
        if !is_interface_name(&self.datapath) {
            return Err((
                "datapath",
                format!(
                    "'{}' must have 1 to 15 bytes without '/', ':', '%' and blanks",
                    self.datapath
                ),
            ));
        }
        logs::check(&self.log).map_err(|error| ("log", error.to_string()))?;
        if self.api.urls.is_empty() {
            return Err(("api.urls", "name at least one service".to_owned()));
        }
        for text in &self.api.urls {
            let url = Url::parse(text)
                .ok()
                .filter(|url| url.scheme() == "http" && url.has_host());
            if url.is_none() {
                return Err(("api.urls", format!("'{text}' must begin with http://HOST")));
            }
        }
        let LimitsSection {
            flows_per_port,
            connections_per_zone,
            punts_per_port,
            fragments_per_port,
            logs_per_port,
            log_burst,
        } = self.limits;
        for (key, value) in [
            ("limits.flows_per_port", flows_per_port),
            ("limits.connections_per_zone", connections_per_zone),
            ("limits.punts_per_port", punts_per_port),
            ("limits.fragments_per_port", fragments_per_port),
            ("limits.logs_per_port", logs_per_port),
            ("limits.log_burst", log_burst),
        ] {
            if value == 0 && key != "limits.connections_per_zone" {
                return Err((key, "0 would serve nobody; want at least 1".to_owned()));
            }
        }
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host_name: String::new(),
            state_dir: "/var/lib/weft".into(),
            run_dir: "/run/weft".into(),
            datapath: "weft".to_owned(),
            log: "info".to_owned(),
            api: Api::default(),
            metrics: Metrics::default(),
            limits: LimitsSection::default(),
            debug: Debug::default(),
        }
    }
}

impl Default for Debug {
    fn default() -> Self {
        Self {
            audit: true,
            exact_flows: false,
        }
    }
}

impl Default for Api {
    fn default() -> Self {
        Self {
            urls: vec!["http://127.0.0.1:8181/midonet-api".to_owned()],
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9464)),
        }
    }
}

impl Default for LimitsSection {
    fn default() -> Self {
        Self {
            flows_per_port: 20_000,
            connections_per_zone: 65_536,
            punts_per_port: 2_000,
            fragments_per_port: 20_000,
            logs_per_port: 100,
            log_burst: 25,
        }
    }
}

// === keys ===

/// The keys that there are, `section.key` for those in a section.
fn known_keys() -> Vec<String> {
    let defaults = toml::Table::try_from(Config::default()).unwrap_or_default();
    let mut keys = Vec::new();
    for (key, value) in defaults {
        if let toml::Value::Table(section) = value {
            keys.extend(section.keys().map(|inner| format!("{key}.{inner}")));
        }
        keys.push(key);
    }
    keys
}

/// The keys of a file with their places.
fn keys_of(table: &DeTable<'_>) -> Vec<(String, usize)> {
    let mut keys = Vec::new();
    for (key, value) in table {
        let name = key.get_ref().to_string();
        if let DeValue::Table(section) = value.get_ref() {
            let inner = section
                .iter()
                .map(|(k, _)| (format!("{name}.{}", k.get_ref()), k.span().start));
            keys.extend(inner);
        }
        keys.push((name, key.span().start));
    }
    keys.sort_by_key(|(_, at)| *at);
    keys
}

/// What was meant by an unknown key: the same key in another section, else the one most like it.
fn hint(key: &str, known: &[String]) -> String {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let elsewhere = known.iter().find(|other| last(other) == last(key));
    let alike = || {
        let likeness = |other: &String| {
            let (key, other) = ((key, &last(key)), (other, &last(other)));
            let alike = strsim::normalized_damerau_levenshtein;
            alike(key.0, other.0).max(alike(key.1, other.1))
        };
        let best = known
            .iter()
            .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
        (likeness(best) > 0.6).then_some(best)
    };
    match elsewhere.or_else(alike) {
        Some(right) => format!("; did you mean '{right}'?"),
        None => format!("; the keys are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests;
