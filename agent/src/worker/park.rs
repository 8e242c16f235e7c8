//! Packets that wait for objects to be loaded. They are judged again when a snapshot arrives; one budget
//! bounds their bytes, for all workers together, and the length of the queue bounds their age.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use weft_flow::FlowKey;
use weft_ovs::Upcall;
use weft_topology::id::PortId;

/// Bytes that all parked packets of a host may take.
pub(super) const BUDGET: usize = 64 << 20;
/// Packets that a worker keeps; the oldest makes room.
const LENGTH: usize = 4_096;

/// A packet that waits.
#[derive(Debug)]
pub(super) struct ParkedPacket {
    /// Where it came in; its port's number may be another's when it leaves.
    pub(super) port: PortId,
    /// Its key.
    pub(super) key: FlowKey,
    /// The key's attributes.
    pub(super) key_attrs: Vec<u8>,
    /// The frame.
    pub(super) packet: Vec<u8>,
    /// The upcall's MRU.
    pub(super) mru: Option<u16>,
    /// The upcall's hash.
    pub(super) hash: Option<u64>,
}

/// One worker's waiting packets.
#[derive(Debug)]
pub(super) struct Parking {
    queue: VecDeque<ParkedPacket>,
    used: Arc<AtomicUsize>,
}

/// Why a packet could not be parked, or which one had to go for it.
#[derive(Debug)]
pub(super) enum Full {
    /// There is no room for it.
    Budget,
    /// It is parked; this one, the oldest, had to go.
    Oldest(Box<ParkedPacket>),
}

impl ParkedPacket {
    /// A copy of an upcall.
    pub(super) fn of(port: PortId, upcall: &Upcall<'_>) -> Self {
        Self {
            port,
            key: upcall.key.clone(),
            key_attrs: upcall.key_attrs.to_vec(),
            packet: upcall.packet.to_vec(),
            mru: upcall.mru,
            hash: upcall.hash,
        }
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.key_attrs.len() + self.packet.len()
    }
}

impl Parking {
    /// An empty lot; `used` counts the bytes of all workers.
    pub(super) fn new(used: Arc<AtomicUsize>) -> Self {
        Self {
            queue: VecDeque::new(),
            used,
        }
    }

    /// Parks a packet.
    pub(super) fn park(&mut self, packet: ParkedPacket) -> Result<(), Full> {
        let bytes = packet.bytes();
        if self.used.fetch_add(bytes, Ordering::Relaxed) + bytes > BUDGET {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Full::Budget);
        }
        self.queue.push_back(packet);
        if self.queue.len() <= LENGTH {
            return Ok(());
        }
        self.leave()
            .map_or(Ok(()), |oldest| Err(Full::Oldest(Box::new(oldest))))
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Takes out all that wait now, the oldest first.
    pub(super) fn leave_all(&mut self) -> Vec<ParkedPacket> {
        std::iter::from_fn(|| self.leave()).collect()
    }

    fn leave(&mut self) -> Option<ParkedPacket> {
        let packet = self.queue.pop_front()?;
        self.used.fetch_sub(packet.bytes(), Ordering::Relaxed);
        Some(packet)
    }
}

impl Drop for Parking {
    fn drop(&mut self) {
        self.leave_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(bytes: usize) -> ParkedPacket {
        ParkedPacket {
            port: PortId(uuid::Uuid::nil()),
            key: FlowKey::new(),
            key_attrs: Vec::new(),
            packet: vec![0; bytes],
            mru: None,
            hash: None,
        }
    }

    #[test]
    fn the_budget_is_shared_and_comes_back() {
        let used = Arc::new(AtomicUsize::new(0));
        let mut one = Parking::new(used.clone());
        let mut two = Parking::new(used.clone());
        one.park(packet(BUDGET / 2)).unwrap();
        assert!(matches!(two.park(packet(BUDGET / 2)), Err(Full::Budget)));
        assert_eq!(one.leave_all().len(), 1);
        two.park(packet(BUDGET / 2)).unwrap();
        drop(two);
        assert_eq!(used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_oldest_makes_room_when_the_queue_is_full() {
        let mut parking = Parking::new(Arc::default());
        for _ in 0..LENGTH {
            parking.park(packet(1)).unwrap();
        }
        assert!(
            matches!(parking.park(packet(2)), Err(Full::Oldest(oldest)) if oldest.packet.len() == 1)
        );
    }
}
