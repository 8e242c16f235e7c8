//! The drops that were counted so far, and how often the agent was started: what has to go on across restarts,
//! a SIGKILL among them, and is not in the kernel.
//!
//! What is in the kernel goes on by itself: packets and bytes of a port are its device's, and a flow that drops
//! counts its packets with or without an agent. So the file has, beside the sums, how many packets of each drop
//! flow are in them. The next run adds what the kernel has counted since. A SIGKILL loses the packets that the
//! agent itself dropped (there was no flow yet, or no room for one), and the last ones of flows that have left
//! the kernel, since the file was written: every 5 s. It never makes a count too high.
//!
//! What it does not do: it is not synchronised to the disk. After a loss of power there is nothing in the kernel
//! to add, and the file has what the file system kept; a damaged one begins anew at 0.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use weft_flow::Ufid;
use weft_topology::id::PortId;
use weft_wire::control::DropInfo;

use crate::files::{FileError, read_if_there, replace};

/// The file in the state directory.
pub const FILE: &str = "counters.json";
/// Version of the file's form.
const VERSION: u32 = 1;

/// A count beyond this is damage: a thousand million packets a second would take centuries. It leaves room to count on.
const HIGHEST: u64 = 1 << 62;

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Starts of an agent with this state directory.
    pub starts: u64,
    /// Packets dropped, by the port that they came in by, and reason.
    pub drops: BTreeMap<(Option<PortId>, String), u64>,
    /// Packets of flows that drop which are in `drops`.
    pub flows: BTreeMap<Ufid, u64>,
    /// Packets that meters have dropped which are in `drops`, by meter.
    pub meters: BTreeMap<u32, u64>,
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Stored {
    v: u32,
    starts: u64,
    drops: Vec<DropInfo>,
    flows: Vec<(String, u64)>,
    #[serde(default)]
    meters: Vec<(u32, u64)>,
}

impl Accounts {
    /// Reads the file. One that is not there, or not understood, is as good as none.
    pub fn load(state_dir: &Path) -> Self {
        let path = state_dir.join(FILE);
        let read = read_if_there(&path).map_err(|error| error.to_string());
        let parsed = read.and_then(|content| match content {
            Some(content) => Self::parse(&content).map(Some),
            None => Ok(None),
        });
        match parsed {
            Ok(found) => found.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(path = %path.display(), error, "counters of drops begin anew");
                Self::default()
            }
        }
    }

    /// Writes the file, unless it has this content. Drops of ports other than these become those of no port: the
    /// file is bounded by the host's ports, not by all that it ever had.
    pub fn save(
        mut self,
        state_dir: &Path,
        known: &BTreeSet<PortId>,
        last: &mut Vec<u8>,
    ) -> Result<(), FileError> {
        self.fold(known);
        let content = self.text();
        if content != *last {
            replace(&state_dir.join(FILE), &content)?;
            *last = content;
        }
        Ok(())
    }

    fn fold(&mut self, known: &BTreeSet<PortId>) {
        let is_gone =
            |(port, _): &(Option<PortId>, String)| port.is_some_and(|port| !known.contains(&port));
        let keys: Vec<_> = self
            .drops
            .keys()
            .filter(|key| is_gone(key))
            .cloned()
            .collect();
        for key in keys {
            let packets = self.drops.remove(&key).unwrap_or_default();
            *self.drops.entry((None, key.1)).or_default() += packets;
        }
    }

    pub(crate) fn text(&self) -> Vec<u8> {
        let drops = self.drops.iter();
        let stored = Stored {
            v: VERSION,
            starts: self.starts,
            drops: drops
                .map(|((port, reason), &packets)| DropInfo {
                    port: *port,
                    reason: reason.clone(),
                    packets,
                })
                .collect(),
            flows: self
                .flows
                .iter()
                .map(|(ufid, &packets)| (ufid.to_string(), packets))
                .collect(),
            meters: self
                .meters
                .iter()
                .map(|(&id, &packets)| (id, packets))
                .collect(),
        };
        serde_json::to_vec(&stored).unwrap_or_default()
    }

    pub(crate) fn parse(content: &[u8]) -> Result<Self, String> {
        let stored: Stored = serde_json::from_slice(content).map_err(|error| error.to_string())?;
        if stored.v != VERSION {
            return Err(format!(
                "it has form {}, this program reads {VERSION}",
                stored.v
            ));
        }
        let of_drops = stored.drops.iter().map(|drop| drop.packets);
        let of_flows = stored.flows.iter().map(|(_, packets)| *packets);
        let of_meters = stored.meters.iter().map(|(_, packets)| *packets);
        let all = of_drops.chain(of_flows).chain(of_meters);
        let mut counts = all.chain([stored.starts]);
        if let Some(count) = counts.find(|&count| count > HIGHEST) {
            return Err(format!("nobody has counted up to {count}"));
        }
        let flow = |(ufid, packets): (String, u64)| match ufid.parse() {
            Ok(ufid) => Ok((ufid, packets)),
            Err(_) => Err(format!("'{ufid}' is no id of a flow")),
        };
        Ok(Self {
            starts: stored.starts,
            drops: stored
                .drops
                .into_iter()
                .map(|drop| ((drop.port, drop.reason), drop.packets))
                .collect(),
            flows: stored
                .flows
                .into_iter()
                .map(flow)
                .collect::<Result<_, _>>()?,
            meters: stored.meters.into_iter().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(n: u128) -> PortId {
        PortId(uuid::Uuid::from_u128(n))
    }

    fn accounts() -> Accounts {
        let drop = |port, reason: &str, packets| ((port, reason.to_owned()), packets);
        Accounts {
            starts: 3,
            drops: [
                drop(None, "tagged", 1),
                drop(Some(port(1)), "tagged", 10),
                drop(Some(port(2)), "tagged", 100),
            ]
            .into(),
            flows: [(Ufid([7; 16]), 5)].into(),
            meters: [(11, 6)].into(),
        }
    }

    #[test]
    fn what_is_written_is_read_and_drops_of_ports_that_are_gone_are_nobodys() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Accounts::load(dir.path()), Accounts::default());
        let mut last = Vec::new();
        let known = [port(1)].into();
        accounts().save(dir.path(), &known, &mut last).unwrap();
        let mut wanted = accounts();
        wanted.fold(&known);
        assert_eq!(wanted.drops[&(None, "tagged".to_owned())], 101);
        assert_eq!(wanted.drops[&(Some(port(1)), "tagged".to_owned())], 10);
        assert_eq!(Accounts::load(dir.path()), wanted);
    }

    #[test]
    fn what_is_on_disk_already_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let (mut last, known) = (Vec::new(), BTreeSet::new());
        accounts().save(dir.path(), &known, &mut last).unwrap();
        std::fs::remove_file(dir.path().join(FILE)).unwrap();
        accounts().save(dir.path(), &known, &mut last).unwrap();
        assert!(!dir.path().join(FILE).exists());
    }

    #[test]
    fn a_file_that_is_not_understood_is_as_good_as_none() {
        let dir = tempfile::tempdir().unwrap();
        for content in [
            "",
            "{",
            r#"{"v":9,"starts":1,"drops":[],"flows":[]}"#,
            r#"{"v":1,"starts":1,"drops":[],"flows":[["xyz",1]]}"#,
            r#"{"v":1,"starts":-1,"drops":[],"flows":[]}"#,
            // A count that would overflow at the next packet.
            r#"{"v":1,"starts":1,"drops":[{"port":null,"reason":"tagged","packets":18446744073709551615}],"flows":[]}"#,
        ] {
            std::fs::write(dir.path().join(FILE), content).unwrap();
            assert_eq!(Accounts::load(dir.path()), Accounts::default(), "{content}");
        }
    }
}
