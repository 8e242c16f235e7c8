//! The machine as its files tell.

use std::path::{Path, PathBuf};

/// A machine whose files lie below a root.
#[derive(Clone, Debug)]
pub struct Machine {
    root: PathBuf,
}

impl Machine {
    /// The one that this program runs on.
    pub fn here() -> Self {
        Self::below("/")
    }

    /// One whose `/proc`, `/sys` and so on lie in a folder.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where a file lies; `path` begins with a slash.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// A file's text without blanks around it, if it can be read.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.path(path)).ok()?;
        Some(text.trim().to_owned())
    }

    /// A file's text as a number.
    pub(super) fn number(&self, path: &str) -> Option<u64> {
        self.read(path)?.parse().ok()
    }

    /// Whether there is something.
    pub(super) fn has(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// The names in a folder.
    pub(super) fn names(&self, path: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(path));
        let entries = entries.into_iter().flatten().filter_map(Result::ok);
        entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect()
    }

    /// The process id of a program that runs, by the kernel's name for it.
    pub(super) fn process(&self, program: &str) -> Option<u32> {
        let names = self.names("/proc").into_iter();
        let mut pids = names.filter_map(|name| name.parse::<u32>().ok());
        pids.find(|pid| self.read(&format!("/proc/{pid}/comm")).as_deref() == Some(program))
    }

    /// A process' capabilities in force, a bit each.
    pub(super) fn capabilities(&self, pid: &str) -> Option<u64> {
        let status = self.read(&format!("/proc/{pid}/status"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("CapEff:"))?;
        u64::from_str_radix(line.trim(), 16).ok()
    }

    /// The nearest folder above a path that is there, or the path itself.
    pub(super) fn nearest(&self, path: &Path) -> PathBuf {
        let path = self.path(&path.to_string_lossy());
        let mut above = path.ancestors();
        above
            .find(|path| path.exists())
            .map_or_else(|| self.root.clone(), Path::to_owned)
    }
}
