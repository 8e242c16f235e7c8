//! Generic netlink below the OVS families: socket, messages, requests, families.

pub(crate) mod family;
pub(crate) mod message;
pub(crate) mod requests;
pub(crate) mod socket;
