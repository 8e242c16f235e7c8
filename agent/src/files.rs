//! Files that are written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file or directory could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {attempt} {path}: {source}")]
pub struct FileError {
    /// What was attempted.
    pub attempt: &'static str,
    /// The file or directory.
    pub path: PathBuf,
    /// The kernel's answer.
    pub source: io::Error,
}

impl FileError {
    /// Makes an error's constructor for `map_err`.
    pub fn at(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self {
            attempt,
            path: path.to_owned(),
            source,
        }
    }
}

/// Replaces a file: after a crash or a loss of power it holds the old or the new content. A file
/// begun and not finished has a name that begins with a dot. Of two at once the later rename counts.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), FileError> {
    put_in_place(path, content, true)
}

/// The same, but only against a crash of the agent: for what is written often and can be missed.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), FileError> {
    put_in_place(path, content, false)
}

fn put_in_place(path: &Path, content: &[u8], lasting: bool) -> Result<(), FileError> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        let source = io::Error::from(io::ErrorKind::InvalidInput);
        return Err(FileError {
            attempt: "write",
            path: path.to_owned(),
            source,
        });
    };
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let fresh = folder.join(format!(
        ".{}.{}.{}",
        name.to_string_lossy(),
        std::process::id(),
        WRITES.fetch_add(1, Ordering::Relaxed)
    ));
    let sync = |file: File| if lasting { file.sync_all() } else { Ok(()) };
    // Never through a link that somebody has put there.
    let _ = fs::remove_file(&fresh);
    let written = File::create_new(&fresh)
        .and_then(|mut file| file.write_all(content).and_then(|()| sync(file)))
        .and_then(|()| fs::rename(&fresh, path))
        .and_then(|()| sync(File::open(folder)?));
    if written.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    written.map_err(FileError::at("write", path))
}

/// Reads a file, if it is there.
pub fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError {
            attempt: "read",
            path: path.to_owned(),
            source,
        }),
    }
}

/// Removes a file, if it is there.
pub fn remove_if_there(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError {
            attempt: "remove",
            path: path.to_owned(),
            source: error,
        }),
        _ => Ok(()),
    }
}

/// Removes what writes left whose program was killed in their midst. What cannot be removed stays.
pub fn clear_unfinished(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let is_left = entry
            .file_name()
            .to_str()
            .and_then(writer)
            .is_some_and(|pid| {
                pid != std::process::id() && !Path::new(&format!("/proc/{pid}")).exists()
            });
        if is_left && fs::remove_file(entry.path()).is_ok() {
            tracing::info!(file = %entry.path().display(), "a write that was broken off is removed");
        }
    }
}

/// The process whose unfinished file has this name: `.NAME.PID.COUNT`.
fn writer(name: &str) -> Option<u32> {
    let (rest, count) = name.strip_prefix('.')?.rsplit_once('.')?;
    let (_, pid) = rest.rsplit_once('.')?;
    count.parse::<u64>().ok()?;
    pid.parse().ok()
}

/// Makes a directory and those above it.
pub fn make_dir(path: &Path) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(FileError::at("make directory", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_the_whole_file_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        assert_eq!(read_if_there(&path).unwrap(), None);
        write_whole(&path, b"a longer content").unwrap();
        write_whole(&path, b"short").unwrap();
        assert_eq!(read_if_there(&path).unwrap().unwrap(), b"short");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        remove_if_there(&path).unwrap();
        remove_if_there(&path).unwrap();
    }

    #[test]
    fn writes_of_one_file_at_once_leave_one_of_the_contents() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let contents: Vec<Vec<u8>> = (0..4u8)
            .map(|n| vec![n; 100_000 * usize::from(n + 1)])
            .collect();
        std::thread::scope(|scope| {
            for content in &contents {
                let path = &path;
                scope.spawn(move || (0..10).for_each(|_| write_whole(path, content).unwrap()));
            }
        });
        assert!(contents.contains(&fs::read(&path).unwrap()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_program_had_begun_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        // No process has such a number (PID_MAX_LIMIT is 2^22).
        let left = ".snapshot.json.4194305.7";
        let running = format!(".snapshot.json.{}.7", std::process::id());
        let others = [
            "snapshot.json",
            ".hidden",
            ".a.b.c",
            "tap.4194305.7",
            &running,
        ];
        for name in others.iter().chain([&left]) {
            fs::write(dir.path().join(name), b"x").unwrap();
        }
        clear_unfinished(dir.path());
        assert!(!dir.path().join(left).exists());
        assert!(others.iter().all(|name| dir.path().join(name).exists()));
        clear_unfinished(&dir.path().join("absent"));
    }

    #[test]
    fn a_write_that_fails_says_where() {
        let error = write_whole(Path::new("/proc/none/f"), b"").unwrap_err();
        assert!(error.to_string().contains("/proc/none/f"), "{error}");
    }
}
