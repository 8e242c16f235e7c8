//! The table of connections: zone and tuple, both directions.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;

use weft_flow::action::NatDirection;

use crate::conntrack::{Bits, Entry, Status, Tuple};

/// A connection that was committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Connection {
    pub(super) zone: u16,
    /// As its first packet came.
    pub(super) original: Tuple,
    /// As its answers come: to where the translation sends them.
    pub(super) reply: Tuple,
    /// Which address of the original direction is translated.
    pub(super) nat: Option<NatDirection>,
    pub(super) mark: u32,
    /// Whether an answer has come.
    pub(super) is_answered: bool,
}

/// A packet's place in a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) connection: u32,
    /// Whether it is an answer.
    pub(super) is_reply: bool,
}

/// All connections, and how many there may be.
#[derive(Default, Debug)]
pub(super) struct Connections {
    by_tuple: HashMap<(u16, Tuple), Place>,
    connections: BTreeMap<u32, Connection>,
    last: u32,
    /// Of zones that have none of their own.
    pub(super) default_limit: Option<NonZeroU32>,
    /// Of single zones; none: they are not limited.
    pub(super) limits: HashMap<u16, Option<NonZeroU32>>,
}

impl Connections {
    /// Where a packet belongs.
    pub(super) fn find(&self, zone: u16, tuple: Tuple) -> Option<Place> {
        self.by_tuple.get(&(zone, tuple)).copied()
    }

    /// Where a packet that was translated already belongs: it is the inverse of what the other direction's
    /// packets are when they come.
    pub(super) fn find_translated(&self, zone: u16, tuple: Tuple) -> Option<Place> {
        let other = self.find(zone, tuple.inverse()?)?;
        Some(Place {
            is_reply: !other.is_reply,
            ..other
        })
    }

    pub(super) fn get(&self, place: Place) -> Option<Connection> {
        self.connections.get(&place.connection).copied()
    }

    /// Notes that an answer has come.
    pub(super) fn answered(&mut self, place: Place) {
        if let Some(connection) = self.connections.get_mut(&place.connection) {
            connection.is_answered = true;
        }
    }

    /// Writes bits of a connection's mark as the action ct does (`ovs_ct_set_mark`); the new mark.
    pub(super) fn commit_mark(&mut self, place: Place, (value, mask): (u32, u32)) -> Option<u32> {
        let connection = self.connections.get_mut(&place.connection)?;
        connection.mark = value | connection.mark & !mask;
        Some(connection.mark)
    }

    /// Enters a connection, unless one of its tuples is another's or its zone is full.
    pub(super) fn commit(&mut self, connection: Connection) -> Option<Place> {
        let zone = connection.zone;
        let tuples = [(connection.original, false), (connection.reply, true)];
        let is_taken = |(tuple, _): &(Tuple, bool)| self.find(zone, *tuple).is_some();
        let limit = self.limit(zone);
        let is_full = limit.is_some_and(|limit| self.count(zone) >= limit.get());
        if is_full || tuples.iter().any(is_taken) {
            return None;
        }
        self.last += 1;
        for (tuple, is_reply) in tuples {
            let place = Place {
                connection: self.last,
                is_reply,
            };
            self.by_tuple.insert((zone, tuple), place);
        }
        self.connections.insert(self.last, connection);
        Some(Place {
            connection: self.last,
            is_reply: false,
        })
    }

    /// The limit that holds for a zone.
    pub(super) fn limit(&self, zone: u16) -> Option<NonZeroU32> {
        let own = self.limits.get(&zone).copied();
        own.unwrap_or(self.default_limit)
    }

    /// How many connections a zone has.
    pub(super) fn count(&self, zone: u16) -> u32 {
        let zones = self.connections.values().map(|it| it.zone);
        u32::try_from(zones.filter(|it| *it == zone).count()).unwrap_or(u32::MAX)
    }

    /// All of them, the oldest first.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.connections.iter().map(|(id, it)| entry(*id, it))
    }

    /// The connection whose original direction that is.
    pub(super) fn entry(&self, zone: u16, original: Tuple) -> Option<Entry> {
        let place = self.find(zone, original).filter(|place| !place.is_reply)?;
        Some(entry(place.connection, &self.get(place)?))
    }

    /// Writes bits of an entry's mark.
    pub(super) fn set_mark(&mut self, id: u32, bits: Bits) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.mark = bits.written_into(connection.mark);
        }
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, id: u32) {
        if let Some(Connection {
            zone,
            original,
            reply,
            ..
        }) = self.connections.remove(&id)
        {
            self.by_tuple.remove(&(zone, original));
            self.by_tuple.remove(&(zone, reply));
        }
    }
}

/// As a listing shows it. What this datapath does not follow is not in it: TCP's state, times, traffic.
fn entry(id: u32, connection: &Connection) -> Entry {
    Entry {
        zone: connection.zone,
        original: connection.original,
        reply: connection.reply,
        mark: connection.mark,
        status: Status::committed(connection.is_answered),
        tcp_state: None,
        timeout: None,
        began: None,
        counters: None,
        id,
    }
}
