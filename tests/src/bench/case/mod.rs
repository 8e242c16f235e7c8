//! One file a question.

pub mod change;
pub mod flows;
pub mod groups;
pub mod hits;
pub mod masks;
pub mod plug;
pub mod restart;
pub mod rules;
pub mod size;

/// The ratios of two rows of samples, turn by turn.
fn ratios(one: &[f64], other: &[f64]) -> Vec<f64> {
    one.iter()
        .zip(other)
        .map(|(one, other)| one / other)
        .collect()
}

/// The one in the middle, in microseconds.
fn middle(mut delays: Vec<std::time::Duration>) -> f64 {
    delays.sort_unstable();
    let middle = delays.get(delays.len() / 2).copied().unwrap_or_default();
    middle.as_secs_f64() * 1e6
}

/// Counts of packets and flows are far below 2⁵².
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn number(count: u64) -> f64 {
    count as f64
}
