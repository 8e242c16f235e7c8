//! Meters: how many packets a second an action lets through.

use crate::error::Error;

/// The meters of a datapath, which `Action::Meter` names. They go with the datapath.
///
/// The kernel's own limits (`net/openvswitch/meter.c`):
/// * There are at most 200,000 meters, fewer on a small machine
///   ([`Capabilities::max_meters`](crate::Capabilities::max_meters)).
/// * It keeps them in a table of 1024 places, or of twice as many once these are taken, and so on; a meter's place is
///   its id modulo that. Two ids for one place are [`Error::MeterClash`]. So take ids without gaps, from 0 on.
/// * A meter has one band here, which drops ([`Capabilities::max_bands`](crate::Capabilities::max_bands) is 1).
/// * An action that names a meter that is not there lets everything through.
pub trait Meters {
    /// Puts a meter, whose bucket is full and which has counted nothing. One with this id is replaced without a
    /// moment between the two; answers with what that one had counted.
    fn set_meter(&mut self, id: u32, meter: Meter) -> Result<Option<MeterStats>, Error>;

    /// What a meter has counted, if it is there.
    fn meter(&mut self, id: u32) -> Result<Option<MeterStats>, Error>;

    /// Deletes a meter, if it is there, and says what it had counted.
    fn delete_meter(&mut self, id: u32) -> Result<Option<MeterStats>, Error>;
}

/// What a meter lets through: a bucket of `burst` packets, filled at `rate`. What finds it empty is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Meter {
    /// Packets a second, from 1 on; the kernel fills the bucket every millisecond.
    pub rate: u32,
    /// Packets, from 1 to [`Meter::MAX_BURST`]: with none, nothing would ever pass.
    pub burst: u32,
}

/// What a meter has counted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct MeterStats {
    /// Packets that came to it.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of them that it dropped.
    pub dropped_packets: u64,
    /// Their bytes.
    pub dropped_bytes: u64,
}

impl Meter {
    /// The largest burst: the kernel counts thousandths of a packet in 32 bits.
    pub const MAX_BURST: u32 = u32::MAX / 1_000;

    /// What is wrong with it.
    pub(crate) fn check(self) -> Result<(), String> {
        let Self { rate, burst } = self;
        if rate == 0 || !(1..=Self::MAX_BURST).contains(&burst) {
            return Err(format!(
                "a meter of {rate} packets a second with a burst of {burst}: the rate begins at 1, the burst is 1 \
                 to {}",
                Self::MAX_BURST
            ));
        }
        Ok(())
    }
}
