//! Connections that are kept: where the operator wants it (`policy.established = "keep"`), what was admitted goes on
//! until it ends, though no rule admits it any more.
//!
//! A packet that rules deny passes all the same if it goes the way of its connection's first packet, and its zone has
//! that connection with the very mark that its acceptance would write: so it was admitted between these MACs, from this
//! port, and it is not cut. It enters no connection: only a judged packet does.
//!
//! | | |
//! |---|---|
//! | a chain where no rule asks for connections | denies: nothing is known there |
//! | a reply | is judged by the rules as they are: it is they, and not what it answers, that admit it |
//! | a flooded packet | is denied where rules deny it: which port admitted it is not known |
//! | port security | comes first, and asks nobody |

use weft_flow::Field;
use weft_topology::Tag;
use weft_topology::policy::Established;

use crate::connection::{Connection, Direction};
use crate::mark::Conversation;
use crate::trace::What;
use crate::walk::Walk;

/// Whether a packet that rules deny is kept.
pub(crate) fn is_kept(walk: &mut Walk<'_, '_>) -> bool {
    if walk.connection != Connection::Known(Direction::Original) {
        return false;
    }
    walk.probe.tag(Tag::Established);
    if walk.snapshot.established() == Established::Sever {
        return false;
    }
    let port = walk.ingress.id;
    let admitted = Conversation::read(port, walk.probe, false).mark();
    let is_kept = walk.probe.is(Field::CtMark, admitted.into());
    if is_kept {
        walk.probe.step(None, What::Kept);
        walk.is_kept = true;
    }
    is_kept
}
