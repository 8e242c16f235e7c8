//! Files that are written whole or not at all: under another name first, then renamed over the old.

use std::io::Read;
use std::path::Path;

use crate::error::Error;

/// Writes what a reader gives. A failure leaves what was there before.
pub fn write(path: &Path, content: &mut impl Read) -> Result<u64, Error> {
    let failed = |source| Error::Unwritable {
        path: path.to_owned(),
        source,
    };
    // A device or a pipe cannot be replaced.
    let is_special = std::fs::metadata(path).is_ok_and(|meta| !meta.is_file());
    if is_special {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .open(path)
            .map_err(failed)?;
        return std::io::copy(content, &mut file).map_err(failed);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut new = tempfile::Builder::new()
        .prefix(".weft-")
        .tempfile_in(folder)
        .map_err(failed)?;
    let length = std::io::copy(content, &mut new).map_err(failed)?;
    new.as_file().sync_all().map_err(failed)?;
    new.persist(path).map_err(|error| failed(error.error))?;
    Ok(length)
}
