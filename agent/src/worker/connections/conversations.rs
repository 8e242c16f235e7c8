//! Whose connections the flows enter, by mark. They outlive the agent in a file of its run directory: it lives as
//! long as the machine runs, and so do the connections.
//!
//! A record is one line, appended before it counts; a line that is cut off, by a full disk or the end of the agent, is
//! passed over.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use weft_flowsim::{CUT, Conversation};
use weft_topology::id::PortId;

/// Conversations of one port that are known; the oldest make room. A guest may invent MACs without end.
const MOST_OF_A_PORT: usize = 1 << 14;

/// The conversations.
#[derive(Debug, Default)]
pub(super) struct Conversations {
    by_mark: HashMap<u32, Conversation>,
    of_port: HashMap<PortId, VecDeque<u32>>,
    file: Option<File>,
}

enum Inserted {
    Known,
    New { gone: Option<u32> },
}

impl Conversations {
    /// Those in a file, which is made if it is not there. Without one they last as long as the agent.
    pub(super) fn load(path: Option<PathBuf>) -> Self {
        let mut known = Self::default();
        let Some(path) = path else { return known };
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for conversation in text.lines().filter_map(parse) {
            known.insert(conversation);
        }
        // Written anew: what stands in it twice, or was given up, goes.
        let mut lines = String::new();
        for conversation in known.by_mark.values() {
            lines.push_str(&line(conversation));
        }
        let written =
            std::fs::write(&path, lines).and_then(|()| OpenOptions::new().append(true).open(&path));
        match written {
            Ok(file) => known.file = Some(file),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "whose connections they are will not be known after \
                    a restart");
            }
        }
        known
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_mark.is_empty()
    }

    /// That of a mark, cut or not.
    pub(super) fn get(&self, mark: u32) -> Option<&Conversation> {
        self.by_mark.get(&(mark & !CUT))
    }

    /// All of them, by mark.
    pub(super) fn all(&self) -> HashMap<u32, Conversation> {
        self.by_mark.clone()
    }

    /// Adds one, on disk, too; the mark of one that makes room for it.
    pub(super) fn add(&mut self, conversation: Conversation) -> Option<u32> {
        let Inserted::New { gone } = self.insert(conversation) else {
            return None;
        };
        if let Some(file) = &mut self.file
            && let Err(error) = file.write_all(line(&conversation).as_bytes())
        {
            tracing::debug!(%error, "a conversation is not on disk");
        }
        gone
    }

    fn insert(&mut self, conversation: Conversation) -> Inserted {
        let mark = conversation.mark();
        if self.by_mark.insert(mark, conversation).is_some() {
            return Inserted::Known;
        }
        let marks = self.of_port.entry(conversation.port).or_default();
        marks.push_back(mark);
        let is_full = marks.len() > MOST_OF_A_PORT;
        let gone = is_full.then(|| marks.pop_front()).flatten();
        if let Some(oldest) = gone {
            self.by_mark.remove(&oldest);
        }
        Inserted::New { gone }
    }
}

pub(crate) fn line(of: &Conversation) -> String {
    let tos = of.tos.map_or_else(|| "-".to_owned(), |tos| tos.to_string());
    format!(
        "{} {:012x} {:012x} {:04x} {:04x} {tos}\n",
        of.port, of.source, of.destination, of.vlan.0, of.vlan.1
    )
}

pub(crate) fn parse(line: &str) -> Option<Conversation> {
    let words: Vec<&str> = line.split(' ').collect();
    let [port, source, destination, tci, tpid, tos] = words[..] else {
        return None;
    };
    Some(Conversation {
        port: port.parse().ok()?,
        source: u64::from_str_radix(source, 16).ok()?,
        destination: u64::from_str_radix(destination, 16).ok()?,
        vlan: (
            u16::from_str_radix(tci, 16).ok()?,
            u16::from_str_radix(tpid, 16).ok()?,
        ),
        tos: match tos {
            "-" => None,
            tos => Some(tos.parse().ok()?),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(n: u64) -> Conversation {
        Conversation {
            port: PortId(uuid::Uuid::from_u128(1)),
            source: n,
            destination: 0x0200_0000_0002,
            vlan: (0x1005, 0x8100),
            tos: n.is_multiple_of(2).then_some(7),
        }
    }

    #[test]
    fn they_are_known_after_a_restart_but_for_a_line_that_was_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("conversations");
        let mut known = Conversations::load(Some(path.clone()));
        assert!(known.is_empty());
        (0..3).for_each(|n| assert_eq!(known.add(conversation(n)), None));
        assert_eq!(known.add(conversation(1)), None);
        drop(known);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 3);
        std::fs::write(&path, &text[..text.len() - 3]).unwrap();
        let known = Conversations::load(Some(path));
        let found = |n: u64| known.get(conversation(n).mark() | CUT).copied();
        assert_eq!(found(0), Some(conversation(0)));
        assert_eq!(found(1), Some(conversation(1)));
        assert_eq!(known.by_mark.len(), 2);
    }

    #[test]
    fn a_guest_that_invents_macs_costs_so_much_and_no_more() {
        let mut known = Conversations::load(None);
        let many = MOST_OF_A_PORT as u64 + 10;
        let gone = (0..many).filter_map(|n| known.add(conversation(n)));
        assert_eq!(gone.count(), 10);
        assert_eq!(known.by_mark.len(), MOST_OF_A_PORT);
        assert_eq!(known.get(conversation(0).mark()), None);
        assert!(known.get(conversation(many - 1).mark()).is_some());
    }
}
