//! What can be wrong with a configuration, in words that say what to do.

use std::net::SocketAddr;
use std::path::PathBuf;

use weft_observe::logs;

use super::{AuthMode, Config, StoreKind};

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error(
        "cannot read {}: {error}; --config FILE names another one, and an empty file is a valid one",
        path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Something is wrong in it.
    #[error("{}: {error}", path.display())]
    In {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: Box<ConfigError>,
    },
    /// It is no TOML, or a value is of the wrong kind.
    #[error("{0}")]
    Content(String),
    /// It has a key that does not exist.
    #[error("there is no key '{key}'{}", suggestion(.meant))]
    UnknownKey {
        /// The key, with its tables.
        key: String,
        /// The one that was probably meant.
        meant: Option<String>,
    },
    /// A table was expected.
    #[error("'{key}' is a table: its keys stand below a line [{key}]")]
    NoTable {
        /// The key.
        key: String,
    },
    /// It is neither a level nor a filter.
    #[error(
        "log = \"{log}\" is neither a level (error, warn, info, debug, trace, off) nor a list such as \
         \"info,weft_api=debug\""
    )]
    Log {
        /// What it says.
        log: String,
    },
    /// The store has no file.
    #[error("store.path is empty: it names the file that keeps the topology")]
    NoPath,
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
    #[error("{what} is not in this version{}", instead(.known))]
    NotYet {
        /// The key, or the key and its value.
        what: &'static str,
        /// What there is in its place.
        known: Option<&'static str>,
    },
}

fn suggestion(meant: &Option<String>) -> String {
    match meant {
        Some(meant) => format!("; did you mean '{meant}'?"),
        None => String::new(),
    }
}

fn instead(known: &Option<&str>) -> String {
    known.map_or(String::new(), |known| format!("; it has {known}"))
}

/// Keys that later versions have.
const LATER: [&str; 4] = [
    "auth.users",
    "metadata_router_id",
    "provider_router_id",
    "store.endpoints",
];

/// Checks that all keys exist. `known` has all of them, `above` is the table with a `.` after it.
pub(super) fn keys(
    found: &toml::Table,
    known: &toml::Table,
    above: &str,
) -> Result<(), ConfigError> {
    for (name, value) in found {
        let key = format!("{above}{name}");
        match (known.get(name), value) {
            (Some(toml::Value::Table(known)), toml::Value::Table(found)) => {
                keys(found, known, &format!("{key}."))?;
            }
            (Some(toml::Value::Table(_)), _) => return Err(ConfigError::NoTable { key }),
            (Some(_), _) => {}
            (None, _) => {
                if let Some(what) = LATER.iter().find(|later| **later == key) {
                    return Err(ConfigError::NotYet { what, known: None });
                }
                let nearest = known
                    .keys()
                    .map(|other| (strsim::normalized_damerau_levenshtein(name, other), other))
                    .filter(|(likeness, _)| *likeness > 0.5)
                    .max_by(|a, b| a.0.total_cmp(&b.0));
                let meant = nearest.map(|(_, other)| format!("{above}{other}"));
                return Err(ConfigError::UnknownKey { key, meant });
            }
        }
    }
    Ok(())
}

/// Checks what the values mean together.
pub(super) fn values(config: &Config) -> Result<(), ConfigError> {
    if logs::check(&config.log).is_err() {
        let log = config.log.clone();
        return Err(ConfigError::Log { log });
    }
    if config.store.path.as_os_str().is_empty() {
        return Err(ConfigError::NoPath);
    }
    let not_yet = |what, known| {
        let known = Some(known);
        Err(ConfigError::NotYet { what, known })
    };
    match config.auth.mode {
        AuthMode::None => {}
        AuthMode::File => return not_yet("auth.mode = \"file\"", "\"none\""),
        AuthMode::Keystone => return not_yet("auth.mode = \"keystone\"", "\"none\""),
    }
    if config.store.kind == StoreKind::Etcd {
        return not_yet("store.kind = \"etcd\"", "\"embedded\"");
    }
    let listen = config.listen;
    if !listen.ip().is_loopback() {
        return Err(ConfigError::OpenToAll { listen });
    }
    Ok(())
}
