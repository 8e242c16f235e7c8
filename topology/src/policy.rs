//! How networks behave, as the operator sets it for all of them.

use serde::{Deserialize, Serialize};

/// What removing a rule does to connections that it admitted. What a neighbour of another version calls otherwise
/// counts as `sever`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Established {
    /// They go on until they end.
    Keep,
    /// They are cut.
    #[default]
    #[serde(other)]
    Sever,
}
