//! Meters: what is limited at each port before it costs the host anything, and by which meter of the datapath.
//!
//! A port's meters follow from its number alone, so that a restarted agent finds them again and nothing is kept of
//! them. They stand side by side without a gap, as the kernel's table wants it (`net/openvswitch/meter.c`):
//!
//! ```text
//!  meter   0 … 4      5 … 9      10 … 14
//!  port    1          2          3            one each of Metered::ALL, in its order
//! ```

use weft_flow::Action;

use crate::punt::PuntClass;

/// Something of which a port may bring so many packets a second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Metered {
    /// Packets for a local service.
    Punt(PuntClass),
    /// Fragments that the kernel puts together: until a datagram is whole, or half a minute has passed, they stay in
    /// memory that all ports of the host share.
    Fragment,
    /// Copies for the log of rules.
    Log,
}

impl Metered {
    /// All of them; a port has one meter for each.
    pub const ALL: [Self; 5] = [
        Metered::Punt(PuntClass::Dhcp),
        Metered::Punt(PuntClass::Arp),
        Metered::Punt(PuntClass::Reject),
        Metered::Fragment,
        Metered::Log,
    ];

    /// The name of what its meter drops, in counters and `weft show drops`.
    pub const fn name(self) -> &'static str {
        match self {
            Metered::Punt(PuntClass::Dhcp) => "meter-dhcp",
            Metered::Punt(PuntClass::Arp) => "meter-arp",
            Metered::Punt(PuntClass::Reject) => "meter-reject",
            Metered::Fragment => "meter-fragment",
            Metered::Log => "meter-log",
        }
    }

    /// The meter for the packets that come in by a port, by that port's number in the datapath (from 1 on).
    pub fn meter(self, number: u32) -> u32 {
        let place = Self::ALL.iter().position(|it| *it == self).unwrap_or(0);
        Self::first_of(number).saturating_add(u32::try_from(place).unwrap_or(0))
    }

    /// The action that passes a packet of a port through its meter.
    pub(crate) fn action(self, number: u32) -> Action {
        Action::Meter(self.meter(number))
    }

    /// The first meter of a port.
    fn first_of(number: u32) -> u32 {
        let each = u32::try_from(Self::ALL.len()).unwrap_or(u32::MAX);
        number.saturating_sub(1).saturating_mul(each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meters_of_the_first_ports_are_the_first_numbers_each_once() {
        let meters: Vec<u32> = (1..=300)
            .flat_map(|number| Metered::ALL.map(|metered| metered.meter(number)))
            .collect();
        assert_eq!(meters, (0..1_500).collect::<Vec<_>>());
    }

    #[test]
    fn every_class_of_punt_is_metered_under_a_name_of_its_own() {
        for &class in PuntClass::ALL {
            assert!(Metered::ALL.contains(&Metered::Punt(class)), "{class:?}");
        }
        let mut names = Metered::ALL.map(Metered::name).to_vec();
        names.dedup();
        assert_eq!(names.len(), Metered::ALL.len());
    }
}
