//! What the system lets a daemon have.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Lets this process have as many open files as the system lets it ask for. The usual limit of 1,024 is for programs
/// that use `select(2)`. One that cannot be raised is logged, and stays.
pub fn raise_descriptors() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_highest_that_may_be_asked_for() {
        raise_descriptors();
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(soft, hard);
    }
}
