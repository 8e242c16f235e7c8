//! The configuration file: TOML, every key optional. An unknown key is an error that suggests the
//! right one, so that a misspelt key does not silently leave a default in force.

mod check;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

pub use check::ConfigError;

/// The configuration of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Config {
    /// Where the REST API, below `/midonet-api`, and `/metrics` are served. Anything but loopback is refused while
    /// `auth.mode` is `none`.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, `off`, or a list such as
    /// `info,weft_api=debug`. `weft log-level --service` changes it while the service runs.
    pub log: String,
    /// Where the topology is kept.
    pub store: StoreConfig,
    /// Who may use the API.
    pub auth: AuthConfig,
    /// How networks behave.
    pub policy: PolicyConfig,
}

/// Where the topology is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct StoreConfig {
    /// The store's backend: `embedded` is a file of this process. `etcd` is not in this version and is refused.
    pub kind: StoreKind,
    /// The file of the embedded store.
    pub path: PathBuf,
}

/// A backend of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// A file of this process.
    #[default]
    Embedded,
    /// An etcd cluster; this version has no client for it.
    Etcd,
}

/// Who may use the API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct AuthConfig {
    /// Who may use the API: `none` lets everybody who can connect do everything. `file` and `keystone` are not in
    /// this version and are refused.
    pub mode: AuthMode,
}

/// How users are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// Everybody who can connect may do everything.
    #[default]
    None,
    /// By a list in this file; not in this version.
    File,
    /// By OpenStack's Keystone; not in this version.
    Keystone,
}

/// How networks behave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct PolicyConfig {
    /// What removing a rule does to connections that it admitted: `sever` cuts them, `keep` lets them go on until they
    /// end. Hosts learn it when they connect again, so after a restart of the service at once.
    pub established: Established,
}

/// What removing a rule does to connections that it admitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Established {
    /// They are cut.
    #[default]
    Sever,
    /// They go on.
    Keep,
}

impl From<Established> for weft_topology::policy::Established {
    fn from(of: Established) -> Self {
        match of {
            Established::Sever => Self::Sever,
            Established::Keep => Self::Keep,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8181),
            log: "info".to_owned(),
            store: StoreConfig::default(),
            auth: AuthConfig::default(),
            policy: PolicyConfig::default(),
        }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            kind: StoreKind::default(),
            path: PathBuf::from("/var/lib/weft/topology.redb"),
        }
    }
}

impl Config {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Read {
            path: path.to_owned(),
            error,
        })?;
        Self::parse(&text).map_err(|error| ConfigError::In {
            path: path.to_owned(),
            error: error.into(),
        })
    }

    /// Reads and checks a file's content.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let content =
            |error: toml::de::Error| ConfigError::Content(error.to_string().trim_end().to_owned());
        let table: toml::Table = text.parse().map_err(content)?;
        // The defaults have every key, so they say which keys there are.
        let known = toml::Table::try_from(Config::default())
            .map_err(|error| ConfigError::Content(error.to_string()))?;
        check::keys(&table, &known, "")?;
        let config: Config = toml::from_str(text).map_err(content)?;
        check::values(&config)?;
        Ok(config)
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        D::Error::custom(format_args!(
            "\"{text}\" is no address with a port, such as \"127.0.0.1:8181\" or \"[::1]:8181\""
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Config::parse(text)
            .expect_err("it should be refused")
            .to_string()
    }

    #[test]
    fn an_empty_file_has_the_values_of_the_shipped_one() {
        let shipped = include_str!("../../../systemd/api.toml");
        assert_eq!(Config::parse("").unwrap(), Config::parse(shipped).unwrap());
        assert_eq!(Config::parse("").unwrap(), Config::default());
    }

    #[test]
    fn docs_have_the_reference_of_the_configuration() {
        let schema = serde_json::to_value(schemars::schema_for!(Config)).unwrap();
        let defaults = toml::Table::try_from(Config::default()).unwrap();
        let table = weft_docs::configuration(&schema, &defaults);
        weft_docs::hold("docs/configuration.md", "api.toml", &table);
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
        assert!(refusal("lisen = \"127.0.0.1:1\"").contains("'lisen'; did you mean 'listen'?"));
        assert!(
            refusal("[store]\npaht = \"x\"").contains("'store.paht'; did you mean 'store.path'?")
        );
        assert!(refusal("[stroe]\npath = \"x\"").contains("did you mean 'store'?"));
        let nothing_like_it = refusal("colour = \"blue\"");
        assert!(nothing_like_it.contains("'colour'") && !nothing_like_it.contains("did you mean"));
    }

    #[test]
    fn a_wrong_value_is_refused_where_it_stands() {
        assert!(refusal("[policy]\nestablished = \"maybe\"").contains("sever"));
        let keep = Config::parse("[policy]\nestablished = \"keep\"").unwrap();
        assert_eq!(keep.policy.established, Established::Keep);
        assert!(refusal("listen = \"localhost\"").contains("such as \"127.0.0.1:8181\""));
        assert!(refusal("\nlisten = [").contains("line 2"));
        assert!(refusal("store = \"x\"").contains("[store]"));
        assert!(refusal("[store]\npath = \"\"").contains("store.path is empty"));
    }

    #[test]
    fn a_log_filter_that_would_log_nothing_is_refused() {
        for log in ["lowd", "info,weft_api", "info,weft_api=lowd", ""] {
            assert!(refusal(&format!("log = \"{log}\"")).contains("is neither a level"));
        }
        for log in ["DEBUG", "off", "info,weft_api=debug"] {
            assert!(Config::parse(&format!("log = \"{log}\"")).is_ok(), "{log}");
        }
    }

    #[test]
    fn without_authentication_only_loopback_is_served() {
        assert!(refusal("listen = \"0.0.0.0:8181\"").contains("loopback"));
        assert!(Config::parse("listen = \"[::1]:8181\"").is_ok());
    }

    #[test]
    fn what_is_not_in_this_version_is_refused_in_words() {
        assert!(refusal("[auth]\nmode = \"keystone\"").contains("not in this version"));
        assert!(refusal("[auth]\nmode = \"file\"").contains("not in this version"));
        assert!(refusal("[store]\nkind = \"etcd\"").contains("not in this version"));
        assert!(
            refusal("[store]\nkind = \"etcd\"\nendpoints = []").contains("not in this version")
        );
        assert!(refusal("[[auth.users]]\nname = \"a\"").contains("not in this version"));
    }
}
