//! What operators see of the daemons: numbers for Prometheus, and lines for the journal; and what the system
//! lets them have.
//!
//! Purpose: one way to say a metric ([`metrics`]) and one way to log ([`logs`]), for agent and service alike.
//!
//! Place in the flow: `agent` and `api` use it; it knows neither.
//!
//! What it does not do: it serves nothing and keeps no series; who is asked for metrics gathers them then.

pub mod limits;
pub mod logs;
pub mod metrics;
