//! The watch: how a host follows the objects it is interested in.
//!
//! `GET /weft/v1/hosts/ID/watch?revision=R` is an endless stream of JSON, one [`WatchLine`] a line. A
//! host always gets itself and the ports bound to it; everything else it asks for by
//! [`InterestRequest`]. Interest in a bridge brings what belongs to it: its DHCP subnets and hosts,
//! its MAC and ARP tables, its interior ports. Interest in a router brings its ports and routes, in
//! a chain its rules, in an address group its members.
//!
//! With `revision=R` only what changed after R is sent, unless the service no longer knows: then
//! the stream begins with `relist`, and everything the host is interested in follows. `store=S` beside
//! it names the store that R is of (see [`Registered`](crate::host::Registered)). A snapshot may
//! be published at `complete` only: between two of them a transaction may be seen by half.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use weft_topology::{Kind, Object, ObjectId};

/// One line of the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchLine {
    /// The object is now this.
    Put {
        /// The store's number of the change.
        revision: u64,
        /// The object.
        object: Object,
    },
    /// The object is no more, or was asked for and does not exist.
    Gone {
        /// The store's number of the change, or of the look.
        revision: u64,
        /// The object.
        id: ObjectId,
    },
    /// All changes up to this revision, and answers to the interests numbered, have been sent.
    Complete {
        /// The revision.
        revision: u64,
        /// The newest interest request that is answered, 0 before the first.
        #[serde(default)]
        interest: u64,
    },
    /// What the host knows is too old to be continued: forget it, everything follows.
    Relist {
        /// Why, for the log.
        reason: String,
    },
    /// Nothing happened for a while; the service lives.
    Heartbeat {
        /// The newest revision of the store, whether or not it concerns the host.
        revision: u64,
    },
}

/// `POST /weft/v1/hosts/ID/interest`: objects to follow from now on, and objects to let go.
/// The interest of a host lives as long as its watch stream; a new stream starts with none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterestRequest {
    /// Counts up with each request of one stream; comes back in `complete`.
    pub number: u64,
    /// Follow these; they are sent whole.
    #[serde(default)]
    pub add: Vec<ObjectId>,
    /// Follow these, which the host knows as of the revision that its watch began with: only what
    /// changed after it is sent. When the watch could not begin there, they are sent whole.
    #[serde(default)]
    pub known: Vec<ObjectId>,
    /// Let these go.
    #[serde(default)]
    pub drop: Vec<ObjectId>,
}

/// The names of the lines above.
const LINES: [&str; 5] = ["put", "gone", "complete", "relist", "heartbeat"];

impl WatchLine {
    /// Reads a line. `None`: it is of a kind, or about a kind of object, that only a newer service knows,
    /// and a host of this version can do without.
    ///
    /// Errors: it is no JSON, or it is something of today that is not understood.
    pub fn read(text: &str) -> Result<Option<Self>, serde_json::Error> {
        let error = match serde_json::from_str(text) {
            Ok(line) => return Ok(Some(line)),
            Err(error) => error,
        };
        let Ok(Value::Object(line)) = serde_json::from_str(text) else {
            return Err(error);
        };
        let Some((name, body)) = line.iter().next().filter(|_| line.len() == 1) else {
            return Err(error);
        };
        let kind = match name.as_str() {
            "put" => &body["object"]["kind"],
            "gone" => &body["id"]["kind"],
            name if LINES.contains(&name) => return Err(error),
            _ => return Ok(None),
        };
        let is_known = |kind: &str| Kind::ALL.iter().any(|known| known.name() == kind);
        match kind.as_str() {
            Some(kind) if !is_known(kind) => Ok(None),
            _ => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_newer_service_knows_is_passed_over() {
        for newer in [
            r#"{"learned":{"revision":1}}"#,
            r#"{"put":{"revision":1,"object":{"kind":"load_balancer","id":"x"}}}"#,
            r#"{"gone":{"revision":1,"id":{"kind":"load_balancer","id":"x"}}}"#,
        ] {
            assert_eq!(WatchLine::read(newer).unwrap(), None, "{newer}");
        }
        let heartbeat = r#"{"heartbeat":{"revision":7,"more":[1]}}"#;
        let known = WatchLine::Heartbeat { revision: 7 };
        assert_eq!(WatchLine::read(heartbeat).unwrap(), Some(known));
    }

    #[test]
    fn what_should_be_understood_and_is_not_is_an_error() {
        for wrong in [
            "end",
            "[]",
            "{}",
            r#"{"a":1,"b":2}"#,
            r#"{"heartbeat":{}}"#,
            r#"{"put":{"revision":1,"object":{"kind":"bridge","id":"x"}}}"#,
            r#"{"put":{"revision":1,"object":{"id":"x"}}}"#,
            r#"{"gone":{"revision":1,"id":{"kind":"bridge","id":"x"}}}"#,
        ] {
            assert!(WatchLine::read(wrong).is_err(), "{wrong}");
        }
    }
}
