//! Makes an interface ready to carry a port: no IPv6 of the host's on it, an MTU, up.
//!
//! A guest must not reach the hypervisor. What a tap brings goes to the host's IP stack unless the datapath takes
//! it: so an interface is up only while it has a vport. And the kernel gives IPv6 addresses by itself to whatever
//! is up, so IPv6 goes off before that.

use std::fs;
use std::io;

use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use nix::errno::Errno;
use rtnetlink::Handle;
use tokio::runtime::Handle as Runtime;

use super::Link;

/// What is done to interfaces. Its methods wait; they are for a thread of their own.
pub trait SetLinks: Send {
    /// Makes an interface ready whose frames the datapath takes by now, with an MTU in bytes if one is
    /// given.
    fn prepare(&self, link: &Link, mtu: Option<u32>) -> Result<(), LinkError>;

    /// Sets an interface up.
    fn set_up(&self, link: &Link) -> Result<(), LinkError>;

    /// Sets an interface down: without a vport its frames would go to the host's own IP stack.
    fn set_down(&self, link: &Link) -> Result<(), LinkError>;

    /// Sets an interface's MTU in bytes.
    fn set_mtu(&self, link: &Link, mtu: u32) -> Result<(), LinkError>;
}

/// Sets interfaces by rtnetlink and /proc.
#[derive(Debug)]
pub struct LinkSetter {
    runtime: Runtime,
    handle: Handle,
}

/// An interface could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The kernel refused a change.
    #[error("{attempt} {interface}: {problem}")]
    Refused {
        /// What was attempted.
        attempt: &'static str,
        /// The interface.
        interface: String,
        /// The kernel's answer.
        problem: String,
        /// The interface is not there (any more).
        is_gone: bool,
    },
    /// IPv6 could not be turned off.
    #[error("turn IPv6 off on {interface}: {source}")]
    Ipv6 {
        /// The interface.
        interface: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// There is no netlink socket.
    #[error("open a netlink socket: {0}")]
    Open(#[from] io::Error),
}

impl LinkError {
    /// Whether the interface is not there (any more).
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Refused { is_gone: true, .. })
    }
}

impl LinkSetter {
    /// Opens a socket, whose work is done on the runtime.
    pub fn open(runtime: &Runtime) -> Result<Self, LinkError> {
        let entered = runtime.enter();
        let (connection, handle, _) = rtnetlink::new_connection()?;
        runtime.spawn(connection);
        drop(entered);
        Ok(Self {
            runtime: runtime.clone(),
            handle,
        })
    }

    /// Lists all interfaces.
    pub fn list(&self) -> Result<Vec<Link>, LinkError> {
        let list = self.runtime.block_on(super::list(&self.handle));
        list.map_err(|error| LinkError::Refused {
            attempt: "list",
            interface: "interfaces".to_owned(),
            problem: error.to_string(),
            is_gone: false,
        })
    }

    fn change(
        &self,
        attempt: &'static str,
        link: &Link,
        message: LinkMessage,
    ) -> Result<(), LinkError> {
        let done = self
            .runtime
            .block_on(self.handle.link().set(message).execute());
        done.map_err(|error| LinkError::Refused {
            attempt,
            interface: link.name.clone(),
            problem: error.to_string(),
            is_gone: is_gone(&error),
        })
    }
}

impl SetLinks for LinkSetter {
    fn prepare(&self, link: &Link, mtu: Option<u32>) -> Result<(), LinkError> {
        disable_ipv6(&link.name)?;
        if let Some(mtu) = mtu.filter(|mtu| *mtu != link.mtu) {
            self.set_mtu(link, mtu)?;
        }
        match link.up {
            true => Ok(()),
            false => self.set_up(link),
        }
    }

    fn set_up(&self, link: &Link) -> Result<(), LinkError> {
        self.change("set up", link, flags(link, LinkFlags::Up))
    }

    fn set_down(&self, link: &Link) -> Result<(), LinkError> {
        self.change("set down", link, flags(link, LinkFlags::empty()))
    }

    fn set_mtu(&self, link: &Link, mtu: u32) -> Result<(), LinkError> {
        let mut message = LinkMessage::default();
        message.header.index = link.index;
        message.attributes.push(LinkAttribute::Mtu(mtu));
        self.change("set the MTU of", link, message)
    }
}

fn flags(link: &Link, up: LinkFlags) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = link.index;
    message.header.flags = up;
    message.header.change_mask = LinkFlags::Up;
    message
}

/// Whether the kernel says that there is no such interface.
pub(super) fn is_gone(error: &rtnetlink::Error) -> bool {
    match error {
        rtnetlink::Error::NetlinkError(refusal) => refusal
            .code
            .is_some_and(|code| code.get() == -(Errno::ENODEV as i32)),
        _ => false,
    }
}

/// A kernel without IPv6 has nothing to turn off. An interface whose name means all others in /proc is refused:
/// the host would lose its own IPv6.
fn disable_ipv6(interface: &str) -> Result<(), LinkError> {
    if matches!(interface, "all" | "default") {
        return Err(LinkError::Ipv6 {
            interface: interface.to_owned(),
            source: io::Error::new(
                io::ErrorKind::InvalidInput,
                "that name means every interface: give it another one",
            ),
        });
    }
    let path = format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6");
    // To write what is so already takes the kernel's lock of all links.
    if fs::read(&path).is_ok_and(|is| is.starts_with(b"1")) {
        return Ok(());
    }
    match fs::write(path, "1") {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(LinkError::Ipv6 {
            interface: interface.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_named_like_all_of_them_is_not_touched() {
        let files =
            ["all", "default"].map(|name| format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"));
        let read = || files.clone().map(|path| fs::read_to_string(path).ok());
        let before = read();
        for name in ["all", "default"] {
            let error = disable_ipv6(name).unwrap_err();
            assert!(error.to_string().contains("another one"), "{error}");
        }
        assert_eq!(read(), before);
    }

    #[test]
    fn the_kernels_no_such_device_is_told_from_other_refusals() {
        let refusal = |errno: Errno| {
            let mut message = rtnetlink::packet_core::ErrorMessage::default();
            message.code = std::num::NonZeroI32::new(-(errno as i32));
            is_gone(&rtnetlink::Error::NetlinkError(message))
        };
        assert!(refusal(Errno::ENODEV));
        assert!(!refusal(Errno::EBUSY));
        assert!(!is_gone(&rtnetlink::Error::RequestFailed));
    }
}
