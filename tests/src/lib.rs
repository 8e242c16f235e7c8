//! The harness of the tests that need a real kernel, and of the demo.
//!
//! Purpose: start the real programs (`weft-api`, `weft-agent`, `weft-vif`), make virtual machines out
//! of network namespaces, talk REST as a client does, wait for conditions, and clean up first.
//!
//! Place in the flow: used by the binaries in `tests/tests/` and by `make demo`, in the guest.
//!
//! What it does not do: it never reaches into a program; what it knows it got by a command, a socket
//! or a netlink dump, as an operator would.

pub mod bench;
pub mod cloud;
pub mod command;
pub mod control;
pub mod crowd;
pub mod demo;
pub mod dhcp;
pub mod frames;
pub mod host;
pub mod netlink;
pub mod packages;
pub mod peer;
pub mod rest;
pub mod share;
pub mod site;
pub mod stream;
pub mod vm;
pub mod wait;
