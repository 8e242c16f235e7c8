//! The configuration file: TOML, every key optional. An unknown key is an error that suggests the
//! right one, so that a misspelt key does not silently leave a default in force.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The configuration of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Where the REST API is served.
    pub listen: SocketAddr,
    /// What is logged: a level, or directives such as `info,weft_api=debug`.
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
#[serde(default)]
pub struct StoreConfig {
    /// The backend.
    pub kind: StoreKind,
    /// The file of the embedded store.
    pub path: PathBuf,
}

/// A backend of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[serde(default)]
pub struct AuthConfig {
    /// How users are known.
    pub mode: AuthMode,
}

/// How users are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[serde(default)]
pub struct PolicyConfig {
    /// What removing a rule does to connections that it admitted.
    pub established: Established,
}

/// What removing a rule does to connections that it admitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Established {
    /// They are cut.
    #[default]
    Sever,
    /// They go on.
    Keep,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is no TOML, or a value is of the wrong kind.
    #[error("the configuration is not valid: {0}")]
    Content(String),
    /// It has a key that does not exist.
    #[error("the configuration has an unknown key '{key}'{}", suggestion(.meant))]
    UnknownKey {
        /// The key, with its tables.
        key: String,
        /// The one that was probably meant.
        meant: Option<String>,
    },
    /// Without authentication everybody on the network could change everything.
    #[error(
        "listen = \"{listen}\" is refused with auth.mode = \"none\": anyone who reaches that address could \
         change the topology; listen on a loopback address such as 127.0.0.1:8181"
    )]
    OpenToAll {
        /// The address.
        listen: SocketAddr,
    },
    /// It asks for something that this version does not have.
    #[error("{key} = \"{value}\" is not in this version; it has {known}")]
    NotYet {
        /// The key.
        key: &'static str,
        /// Its value.
        value: &'static str,
        /// What there is.
        known: &'static str,
    },
}

fn suggestion(meant: &Option<String>) -> String {
    match meant {
        Some(meant) => format!("; did you mean '{meant}'?"),
        None => String::new(),
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
        Self::parse(&text)
    }

    /// Reads and checks a file's content.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let content = |error: toml::de::Error| ConfigError::Content(error.to_string());
        let table: toml::Table = text.parse().map_err(content)?;
        // The defaults have every key, so they say which keys there are.
        let known = toml::Table::try_from(Config::default())
            .map_err(|error| ConfigError::Content(error.to_string()))?;
        check_keys(&table, &known, "")?;
        let config: Config = toml::from_str(text).map_err(content)?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let not_yet = |key, value, known| Err(ConfigError::NotYet { key, value, known });
        if self.store.kind == StoreKind::Etcd {
            return not_yet("store.kind", "etcd", "\"embedded\"");
        }
        match self.auth.mode {
            AuthMode::None => {}
            AuthMode::File => return not_yet("auth.mode", "file", "\"none\""),
            AuthMode::Keystone => return not_yet("auth.mode", "keystone", "\"none\""),
        }
        if !self.listen.ip().is_loopback() {
            return Err(ConfigError::OpenToAll {
                listen: self.listen,
            });
        }
        Ok(())
    }
}

fn check_keys(found: &toml::Table, known: &toml::Table, above: &str) -> Result<(), ConfigError> {
    for (key, value) in found {
        match (known.get(key), value) {
            (Some(toml::Value::Table(known)), toml::Value::Table(found)) => {
                check_keys(found, known, &format!("{above}{key}."))?;
            }
            (Some(_), _) => {}
            (None, _) => {
                let nearest = known
                    .keys()
                    .map(|candidate| {
                        (
                            strsim::normalized_damerau_levenshtein(key, candidate),
                            candidate,
                        )
                    })
                    .filter(|(likeness, _)| *likeness > 0.5)
                    .max_by(|a, b| a.0.total_cmp(&b.0));
                return Err(ConfigError::UnknownKey {
                    key: format!("{above}{key}"),
                    meant: nearest.map(|(_, candidate)| format!("{above}{candidate}")),
                });
            }
        }
    }
    Ok(())
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
        let shipped = include_str!("../../systemd/api.toml");
        assert_eq!(Config::parse("").unwrap(), Config::parse(shipped).unwrap());
        assert_eq!(Config::parse("").unwrap(), Config::default());
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
        assert!(refusal("listen = \"localhost\"").contains("listen"));
        assert!(refusal("listen = [").contains("not valid"));
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
    }
}
