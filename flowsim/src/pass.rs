//! Passes: what a packet that was looked up in a connection table brings along beside its key.
//!
//! The recirculation id says it itself, so that none has to be given out, kept on disk or given back: it stands
//! for the same after a restart, and as long as the port has its zone.
//!
//! ```text
//!  31        17 16            1 0
//! ┌────────────┬───────────────┬─┐
//! │ stage: 0   │ zone, not 0   │F│   F: the datagram came in fragments
//! └────────────┴───────────────┴─┘
//! ```

/// What a recirculation id stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Pass {
    /// The zone in which the packet was looked up, 1 to 65535.
    pub zone: u16,
    /// Whether it came in fragments, which the look-up put together.
    pub was_fragment: bool,
}

impl Pass {
    /// The id under which such packets are looked up again, never 0.
    pub const fn recirc_id(self) -> u32 {
        (self.zone as u32) << 1 | self.was_fragment as u32
    }

    /// What an id stands for; `None` for one that no pass has.
    pub fn of(recirc_id: u32) -> Option<Self> {
        let zone = u16::try_from(recirc_id >> 1).ok()?;
        (zone != 0).then_some(Self {
            zone,
            was_fragment: recirc_id & 1 == 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_what_it_stands_for_and_no_other_does() {
        for zone in [1, 2, 4_711, u16::MAX] {
            for was_fragment in [false, true] {
                let pass = Pass { zone, was_fragment };
                assert_ne!(pass.recirc_id(), 0);
                assert_eq!(Pass::of(pass.recirc_id()), Some(pass));
            }
        }
        for id in [0, 1, 1 << 17, u32::MAX] {
            assert_eq!(Pass::of(id), None, "{id}");
        }
    }
}
