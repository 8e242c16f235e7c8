//! What is logged: a level, or a list of targets with levels.

use tracing_subscriber::EnvFilter;

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
/// The longest filter, in bytes.
const LONGEST: usize = 4_096;

/// A text that says what is logged, and does not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{filter}' is neither a level (error, warn, info, debug, trace, off) nor a list such as \
     'info,weft_agent=debug'{}{problem}", if problem.is_empty() { "" } else { ": " }
)]
pub struct FilterError {
    /// What was given.
    pub filter: String,
    /// What is wrong, where that is known.
    pub problem: String,
}

/// Whether a text says what is logged.
pub fn check(text: &str) -> Result<(), FilterError> {
    parse(text).map(drop)
}

/// A bare word that is no level would be read as the name of a target, and silence all others.
pub(super) fn parse(text: &str) -> Result<EnvFilter, FilterError> {
    let refused = |problem: String| FilterError {
        filter: text.chars().take(100).collect(),
        problem,
    };
    if text.len() > LONGEST {
        return Err(refused(format!("it has more than {LONGEST} bytes")));
    }
    let is_level = |part: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(part));
    let mut parts = text.split(',');
    if !parts.all(|part| part.contains('=') || is_level(part)) {
        return Err(refused(String::new()));
    }
    EnvFilter::try_new(text).map_err(|error| refused(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_would_log_nothing_is_refused() {
        for text in ["lowd", "info,weft_api", "info,weft_api=lowd", ""] {
            let error = check(text).unwrap_err().to_string();
            assert!(error.contains("is neither a level"), "{text}: {error}");
        }
        for text in ["DEBUG", "off", "info,weft_api=debug"] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        assert!(check(&"info,".repeat(2_000)).is_err());
    }
}
