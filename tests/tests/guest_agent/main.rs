//! The agent on a real kernel: what only a kernel can prove. Each test starts a site of its own.

mod accounts;
mod bindings;
mod change;
mod dhcp;
mod forwarding;
mod restart;
mod survival;
