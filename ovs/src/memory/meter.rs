//! Meters of a datapath in memory (`net/openvswitch/meter.c`).

use std::collections::BTreeMap;
use std::time::Duration;

use nix::errno::Errno;

use super::MemoryDatapath;
use crate::error::{Error, What};
use crate::meter::{Meter, MeterStats, Meters};

/// All meters, in the kernel's places.
#[derive(Debug)]
pub(super) struct Table {
    meters: BTreeMap<u32, Bucket>,
    places: u32,
}

/// A meter and how full it is.
#[derive(Debug)]
pub(super) struct Bucket {
    meter: Meter,
    /// In thousandths of a packet.
    level: u64,
    /// When it was last filled, in milliseconds.
    filled: u128,
    stats: MeterStats,
}

/// What a packet takes out of a bucket; what a rate of 1 fills in a second of milliseconds.
const PACKET: u64 = 1_000;
const FIRST_PLACES: u32 = 1_024;

impl Bucket {
    fn new(meter: Meter, now: Duration) -> Self {
        Self {
            meter,
            level: u64::from(meter.burst) * PACKET,
            filled: now.as_millis(),
            stats: MeterStats::default(),
        }
    }

    /// Whether a packet of so many bytes passes.
    pub(super) fn passes(&mut self, length: usize, now: Duration) -> bool {
        let length = length as u64;
        let now = now.as_millis();
        let elapsed = u64::try_from(now.saturating_sub(self.filled)).unwrap_or(u64::MAX);
        let more = elapsed.saturating_mul(self.meter.rate.into());
        let full = u64::from(self.meter.burst) * PACKET;
        self.level = self.level.saturating_add(more).min(full);
        self.filled = now;
        self.stats.packets += 1;
        self.stats.bytes += length;
        match self.level.checked_sub(PACKET) {
            Some(rest) => self.level = rest,
            None => {
                self.stats.dropped_packets += 1;
                self.stats.dropped_bytes += length;
                return false;
            }
        }
        true
    }
}

impl Default for Table {
    fn default() -> Self {
        Self {
            meters: BTreeMap::new(),
            places: FIRST_PLACES,
        }
    }
}

impl Table {
    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Bucket> {
        self.meters.get_mut(&id)
    }

    /// Puts a meter, unless another has its place.
    fn put(&mut self, id: u32, bucket: Bucket) -> Result<Option<MeterStats>, Errno> {
        let place = |id: u32| id % self.places;
        let mut others = self.meters.keys().filter(|other| **other != id);
        if others.any(|other| place(*other) == place(id)) {
            return Err(Errno::EBUSY);
        }
        let replaced = self.meters.insert(id, bucket);
        if u32::try_from(self.meters.len()).is_ok_and(|count| count >= self.places) {
            self.places = self.places.saturating_mul(2);
        }
        Ok(replaced.map(|bucket| bucket.stats))
    }
}

impl Meters for MemoryDatapath {
    fn set_meter(&mut self, id: u32, meter: Meter) -> Result<Option<MeterStats>, Error> {
        let what = What::SetMeter(id);
        let mut state = self.lock();
        state.alive(what.clone())?;
        meter.check().map_err(|reason| Error::BadRequest {
            attempt: Box::new(state.attempt(what.clone())),
            reason,
        })?;
        let bucket = Bucket::new(meter, state.now());
        let put = state.meters.put(id, bucket);
        put.map_err(|errno| state.error(what, errno))
    }

    fn meter(&mut self, id: u32) -> Result<Option<MeterStats>, Error> {
        let state = self.lock();
        state.alive(What::GetMeter(id))?;
        Ok(state.meters.meters.get(&id).map(|bucket| bucket.stats))
    }

    fn delete_meter(&mut self, id: u32) -> Result<Option<MeterStats>, Error> {
        let mut state = self.lock();
        state.alive(What::DeleteMeter(id))?;
        Ok(state.meters.meters.remove(&id).map(|bucket| bucket.stats))
    }
}
