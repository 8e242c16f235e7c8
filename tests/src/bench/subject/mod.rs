//! What is measured: something that answers upcalls, with two machines on it.

pub mod bound;
mod hand;
mod messages;
mod netlink;
mod ovs;
mod weft;

pub use bound::Bound;
pub use hand::Hand;
pub use ovs::Ovs;
pub use weft::{Masks, Weft};

use anyhow::Result;
use weft_topology::MacAddr;

use super::pair::Pair;

/// One of the rivals.
pub trait Subject {
    /// Its name in results.
    fn name(&self) -> &'static str;

    /// The machines on it.
    fn pair(&mut self) -> &mut Pair;

    /// Takes all flows out of the kernel, as it would itself, so that the next run begins with none.
    fn forget(&mut self) -> Result<()>;
}

/// MAC of the machine that sends.
const FROM: MacAddr = MacAddr(2, 0, 0, 0, 0, 1);
/// MAC of the machine that receives.
const TO: MacAddr = MacAddr(2, 0, 0, 0, 0, 2);
