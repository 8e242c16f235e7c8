//! Local services that packets are brought up for, and how a flow's action names them.

use weft_flow::Action;
use weft_flow::action::Userspace;

/// A local service. Its packets have flows of their own: through the port's meter for the class
/// ([`Metered`](crate::Metered)), then [`PuntClass::action`]; the caller fills in the netlink port id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PuntClass {
    /// DHCPv4 (RFC 2131) for the hosts of a bridge's subnets.
    Dhcp,
    /// ARP requests (RFC 826) for addresses that the bridge knows.
    Arp,
    /// Packets whose sender is told that a rule refused them.
    Reject,
}

impl PuntClass {
    /// Every class.
    pub const ALL: &'static [PuntClass] = &[PuntClass::Dhcp, PuntClass::Arp, PuntClass::Reject];

    /// The name in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            PuntClass::Dhcp => "dhcp",
            PuntClass::Arp => "arp",
            PuntClass::Reject => "reject",
        }
    }

    /// The byte that stands in the action's user data. Adopted flows carry it across versions, so a
    /// number is never given to another class.
    const fn code(self) -> u8 {
        match self {
            PuntClass::Dhcp => 1,
            PuntClass::Arp => 2,
            PuntClass::Reject => 3,
        }
    }

    /// The action that brings a packet up for this class; its netlink port id is 0.
    pub fn action(self) -> Action {
        Action::Userspace(Userspace {
            pid: 0,
            userdata: vec![self.code()],
            with_actions: false,
            egress_tunnel_port: None,
        })
    }

    /// The class that an upcall's user data names, `None` if it is none of ours.
    pub fn from_userdata(userdata: &[u8]) -> Option<Self> {
        let [code] = userdata else { return None };
        Self::ALL
            .iter()
            .copied()
            .find(|class| class.code() == *code)
    }

    /// The class that a flow's actions bring packets up for, whatever the netlink port id: it is the last of them.
    pub fn of_actions(actions: &[Action]) -> Option<Self> {
        match actions.last() {
            Some(Action::Userspace(userspace)) => Self::from_userdata(&userspace.userdata),
            _ => None,
        }
    }
}
