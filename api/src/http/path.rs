//! The arguments in a request's path and query.

use std::collections::HashMap;
use std::str::FromStr;

use uuid::Uuid;
use weft_topology::MacAddr;

use crate::error::ApiError;

/// The arguments of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Args {
    pub(crate) path: HashMap<String, String>,
    pub(crate) query: HashMap<String, String>,
}

impl Args {
    /// An id in the path. What is no id names nothing that exists.
    pub(crate) fn id<T: From<Uuid>>(&self, name: &str) -> Result<T, ApiError> {
        self.key::<Uuid>(name).map(T::from)
    }

    /// A key in the path. What is malformed names nothing that exists.
    pub(crate) fn key<T: FromStr>(&self, name: &str) -> Result<T, ApiError> {
        self.text(name).parse().map_err(|_| self.unknown(name))
    }

    /// A MAC in the path, with `:` or `-` between its bytes.
    pub(crate) fn mac(&self, name: &str) -> Result<MacAddr, ApiError> {
        parse_mac(self.text(name)).ok_or_else(|| self.unknown(name))
    }

    /// Two keys in one part of the path, with `_` between them.
    pub(crate) fn pair(&self, name: &str) -> Result<(&str, &str), ApiError> {
        self.text(name)
            .split_once('_')
            .ok_or_else(|| self.unknown(name))
    }

    /// What is said of a path that names nothing.
    pub(crate) fn unknown(&self, name: &str) -> ApiError {
        ApiError::NotFound(format!("there is no {name} '{}'", self.text(name)))
    }

    /// An argument of the path as it is.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// A number in the query.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.query.get(name) else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|_| ApiError::property(name, format!("'{text}' is no number")))
    }
}

/// A MAC with `:` or `-` between its bytes.
pub(crate) fn parse_mac(text: &str) -> Option<MacAddr> {
    text.replace('-', ":").parse().ok()
}
