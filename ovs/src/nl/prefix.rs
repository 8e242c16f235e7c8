//! What netlink protocols put between `struct nlmsghdr` and the attributes.

use std::fmt;

use nix::sys::socket::SockProtocol;

/// A protocol's own header.
pub(crate) trait Prefix: Copy + fmt::Debug {
    /// The protocol whose messages have it.
    const PROTOCOL: SockProtocol;

    /// Appends it.
    fn write(self, out: &mut Vec<u8>);

    /// Reads it, and gives the rest of the message's payload; none where that is too short.
    fn read(payload: &[u8]) -> Option<(Self, &[u8])>;
}

/// The families of openvswitch: `struct genlmsghdr` and `struct ovs_header`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ovs {
    /// What to do.
    pub(crate) command: u8,
    /// The family's version, as this program speaks it.
    pub(crate) version: u8,
    /// Index of the datapath's device; 0: none.
    pub(crate) dp_ifindex: u32,
}

/// The subsystems of netfilter: `struct nfgenmsg` (`include/uapi/linux/netfilter/nfnetlink.h`), of version
/// `NFNETLINK_V0` and with no resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Netfilter {
    /// `AF_INET`, `AF_INET6`, or `AF_UNSPEC` for both.
    pub(crate) family: u8,
}

impl Prefix for Ovs {
    const PROTOCOL: SockProtocol = SockProtocol::NetlinkGeneric;

    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.command, self.version, 0, 0]);
        out.extend_from_slice(&self.dp_ifindex.to_ne_bytes());
    }

    fn read(payload: &[u8]) -> Option<(Self, &[u8])> {
        let (&[command, version, _, _, i0, i1, i2, i3], rest) = payload.split_first_chunk()?;
        let prefix = Self {
            command,
            version,
            dp_ifindex: u32::from_ne_bytes([i0, i1, i2, i3]),
        };
        Some((prefix, rest))
    }
}

impl Prefix for Netfilter {
    const PROTOCOL: SockProtocol = SockProtocol::NetlinkNetFilter;

    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.family, 0, 0, 0]);
    }

    fn read(payload: &[u8]) -> Option<(Self, &[u8])> {
        let (&[family, _version, _, _], rest) = payload.split_first_chunk()?;
        Some((Self { family }, rest))
    }
}
