//! What a daemon logs: the agent by its control socket, the service at `/weft/v1/log`.

use serde::{Deserialize, Serialize};

/// What is logged: a level, or a list of targets with levels such as `info,weft_agent=debug`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFilter {
    /// The filter.
    pub filter: String,
}

/// What was logged and what is from now on; the same when nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogChange {
    /// The filter before.
    pub before: String,
    /// The filter in force.
    pub now: String,
}
