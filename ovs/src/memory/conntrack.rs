//! The table of connections: zone and tuple, both directions.

use std::collections::HashMap;

use weft_flow::action::NatDirection;

use super::tuple::Tuple;

/// A connection that was committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Connection {
    /// As its first packet came.
    pub(super) original: Tuple,
    /// As its answers come: to where the translation sends them.
    pub(super) reply: Tuple,
    /// Which address of the original direction is translated.
    pub(super) nat: Option<NatDirection>,
    /// Whether an answer has come.
    pub(super) is_answered: bool,
}

/// A packet's place in a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) connection: u64,
    /// Whether it is an answer.
    pub(super) is_reply: bool,
}

/// All connections.
#[derive(Default, Debug)]
pub(super) struct Connections {
    by_tuple: HashMap<(u16, Tuple), Place>,
    connections: HashMap<u64, Connection>,
    last: u64,
}

impl Connections {
    /// Where a packet belongs.
    pub(super) fn find(&self, zone: u16, tuple: Tuple) -> Option<Place> {
        self.by_tuple.get(&(zone, tuple)).copied()
    }

    /// Where a packet that was translated already belongs: it is the inverse of what the other direction's
    /// packets are when they come.
    pub(super) fn find_translated(&self, zone: u16, tuple: Tuple) -> Option<Place> {
        let other = self.find(zone, tuple.inverse())?;
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

    /// Enters a connection, unless one of its tuples is another's.
    pub(super) fn commit(&mut self, zone: u16, connection: Connection) -> Option<Place> {
        let tuples = [(connection.original, false), (connection.reply, true)];
        if tuples
            .iter()
            .any(|(tuple, _)| self.find(zone, *tuple).is_some())
        {
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
}
