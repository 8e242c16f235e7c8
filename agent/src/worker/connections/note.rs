//! The note that connections have to be looked at: a file with a revision, as long as a cut is due.

use std::path::{Path, PathBuf};

const FILE: &str = "cut-due";

/// Where it is; nowhere without a run directory.
#[derive(Debug)]
pub(super) struct Note(Option<PathBuf>);

impl Note {
    /// In the folder of another file.
    pub(super) fn beside(file: Option<&Path>) -> Self {
        Self(file.and_then(Path::parent).map(|folder| folder.join(FILE)))
    }

    /// The revision from which on entries have to be looked at, if an earlier run left that undone.
    pub(super) fn read(&self) -> Option<u64> {
        let text = std::fs::read_to_string(self.0.as_ref()?).ok()?;
        // Cut off: of any revision.
        Some(text.trim().parse().unwrap_or(0))
    }

    /// Notes it. The file is on a file system in memory: it has to outlive the agent, not the machine.
    pub(super) fn write(&self, revision: u64) {
        if let Some(path) = &self.0
            && let Err(error) = std::fs::write(path, revision.to_string())
        {
            tracing::debug!(%error, "it is not noted that a cut is due");
        }
    }

    /// It is done.
    pub(super) fn remove(&self) {
        if let Some(path) = &self.0
            && let Err(error) = std::fs::remove_file(path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::debug!(%error, "it stays noted that a cut is due");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_undone_is_read_by_the_next_run() {
        let dir = tempfile::tempdir().unwrap();
        let note = Note::beside(Some(&dir.path().join("conversations")));
        assert_eq!(note.read(), None);
        note.write(41);
        assert_eq!(note.read(), Some(41));
        std::fs::write(dir.path().join(FILE), "").unwrap();
        assert_eq!(note.read(), Some(0));
        note.remove();
        note.remove();
        assert_eq!(note.read(), None);
        assert_eq!(Note::beside(None).read(), None);
    }
}
