//! The inputs that fuzzing found, as tests: those of a target in `fuzz/corpus`, one after the other, through the
//! function that the fuzzer feeds.
//!
//! What it does not do: it looks for nothing new. That is `make fuzz`.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

/// The inputs that are kept of a target, in the order of their names.
///
/// # Panics
///
/// If there are none: the target's name is wrong, or the corpus was not kept.
pub fn inputs(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let folder = folder.join(target);
    let entries = std::fs::read_dir(&folder).into_iter().flatten();
    let mut inputs: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "no inputs in {}", folder.display());
    inputs
}

/// Feeds a target with each of its inputs. One that it does not stand is named, and can be given to it alone:
/// `make fuzz TARGET=… INPUT=fuzz/corpus/…`.
///
/// # Panics
///
/// If the target does, or an input cannot be read.
pub fn replay(target: &str, run: fn(&[u8])) {
    for path in inputs(target) {
        let bytes = std::fs::read(&path);
        let bytes = bytes.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(&bytes))) {
            eprintln!("the input is {}", path.display());
            resume_unwind(panic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "no inputs")]
    fn a_target_without_inputs_is_no_test() {
        replay("no_such_target", |_| ());
    }
}
