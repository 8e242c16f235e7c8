//! Netlink below what is asked by it: socket, messages, requests, generic netlink families.

pub(crate) mod family;
pub(crate) mod message;
pub(crate) mod prefix;
pub(crate) mod requests;
pub(crate) mod socket;
