//! Holds the parts of docs/ up to date that are made from the code.
//!
//! Purpose: a crate's test says what a part has to be ([`hold`]); the test fails when the file has something
//! else, and writes it when asked: `WEFT_WRITE_DOCS=1 cargo test -p weft-agent -p weft-api docs`.
//!
//! Place in the flow: a dev-dependency of the crates whose types are described.
//!
//! What it does not do: it makes no file; the text around a part is people's.

mod configuration;
mod metrics;

use std::path::{Path, PathBuf};

pub use configuration::configuration;
pub use metrics::{metrics, names};

/// With this in the environment files are written.
const WRITE: &str = "WEFT_WRITE_DOCS";

/// The folder of the workspace.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// A file below the workspace.
pub fn read(path: &str) -> String {
    let path = workspace().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Fails unless the part of that name in a file is this text; writes it instead if the environment says so.
pub fn hold(path: &str, part: &str, text: &str) {
    let file = read(path);
    let wanted = replaced(&file, part, text)
        .unwrap_or_else(|| panic!("{path} has no part '{part}' between its two marks"));
    if file == wanted {
        return;
    }
    if std::env::var_os(WRITE).is_some() {
        let written = std::fs::write(workspace().join(path), wanted);
        written.unwrap_or_else(|error| panic!("{path}: {error}"));
        return;
    }
    panic!(
        "the part '{part}' of {path} is not what the code says. Make it anew by {WRITE}=1 cargo test docs, and \
         look at the difference"
    );
}

/// A file with a part replaced; none if it has no such part.
fn replaced(file: &str, part: &str, text: &str) -> Option<String> {
    let (begin, end) = (
        format!("<!-- {part}: made from the code -->\n"),
        format!("<!-- end of {part} -->"),
    );
    let (before, rest) = file.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{}\n\n{end}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_replaced_and_what_is_around_it_stays() {
        let file = "a\n<!-- p: made from the code -->\nold\n<!-- end of p -->\nz\n";
        let wanted = "a\n<!-- p: made from the code -->\n\nnew\n\n<!-- end of p -->\nz\n";
        assert_eq!(replaced(file, "p", "new\n").as_deref(), Some(wanted));
        assert_eq!(replaced(wanted, "p", "new").as_deref(), Some(wanted));
        assert_eq!(replaced(file, "q", "new"), None);
    }
}
