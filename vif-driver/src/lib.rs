//! The VIF driver: `weft-vif` and `mm-ctl`, which libvirt and Nova call to bind a network interface
//! to a virtual port.
//!
//! Purpose: make the tap if it is not there, ask the agent to bind it, and undo what was made when
//! the answer is no. With the agent down the wish is left on disk, where the agent finds it.
//!
//! ```text
//!  Nova, libvirt ─▶ weft-vif ─┬─ tap (ioctl) ─────────────▶ kernel
//!                             ├─ control socket ──────────▶ agent     the usual way
//!                             ├─ STATE_DIR/bindings/IF.json           the agent is down
//!                             └─ POST /hosts/ID/ports ────▶ service   with --api
//! ```
//!
//! What it does not do: no vport, no flow, no decision about who has a port. No async runtime: it
//! starts in a few milliseconds.

pub mod agent;
pub mod api;
pub mod args;
pub mod device;
pub mod error;
pub mod link;
pub mod places;
pub mod plug;
pub mod tap;
pub mod unplug;

pub use error::Error;
