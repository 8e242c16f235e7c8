//! DHCPv4: what the server of a virtual network says to a client (RFC 2131, 2132, 3396, 3442).
//!
//! Purpose: bytes in → reply or reason. A client's message and the operator's objects (bridge,
//! DHCP subnet, DHCP host) give the bytes of the reply, or the reason why there is none.
//!
//! Place in the flow: a simulation that meets a client's message ([`is_client_message`]) asks for the
//! frame's bytes, finds out who sent it ([`parse_frame`], [`identify()`]), looks the sender up among the
//! DHCP hosts of the port's bridge, and gives both to [`answer()`].
//!
//! ```text
//!  frame ─ parse_frame ─▶ payload ─ identify ─▶ chaddr ─ (caller: host of this bridge?) ─▶ Request
//!                                                         │ no: ordinary traffic             │
//!                                                                                          answer
//!                  Reply ─ frame::reply ─▶ frame, back out of the client's port  ◀───────────┤
//!                  Silent(Silence): counted by name, the frame ends here         ◀───────────┤
//!                  NotOurs(NotOurs): ordinary traffic                            ◀───────────┘
//! ```
//!
//! The service checks what operators configure with [`options::parse`], which is also what a reply is
//! made with: what is accepted is sent, and no value can change the structure of a message.
//!
//! What it does not do: no I/O, no clock, no lease database (an address is its host's as long as the
//! operator says so), no choice of addresses, no relay agent, no BOOTP, no DHCPv6.

pub mod answer;
pub mod frame;
mod fuzz;
pub mod identify;
pub mod lease;
pub mod message;
pub mod options;
pub mod reason;
pub mod reply;

pub use answer::{Answer, ClientState, Request, answer};
pub use frame::{ClientFrame, NotDhcp, parse_frame};
pub use fuzz::fuzz_one;
pub use identify::{CLIENT_PORT, Identity, SERVER_PORT, identify, is_client_message};
pub use lease::Lease;
pub use message::{Message, MessageType, Op};
pub use options::{OptionError, ParsedOption};
pub use reason::{Malformed, NotOurs, Silence};
pub use reply::{Reply, ReplyKind};
