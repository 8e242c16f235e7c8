//! How much of a test is done: less as a rule than by `make test-long`, which says it in the environment.

/// How often, how many or how long: from the environment, else as much as `make test` has time for.
///
/// # Panics
/// When the variable is no number.
pub fn share(variable: &str, default: u64) -> u64 {
    let asked = std::env::var(variable).ok().filter(|text| !text.is_empty());
    asked.map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text}: want a number"))
    })
}
