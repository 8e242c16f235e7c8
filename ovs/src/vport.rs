//! A datapath's ports as everybody above the kernel sees them.

/// What a port is made of (`enum ovs_vport_type`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum VportKind {
    /// An existing network device, named as the port.
    Netdev,
    /// A device that the datapath makes and removes with the port.
    Internal,
    /// A flow-based VXLAN tunnel.
    Vxlan {
        /// UDP port.
        dst_port: u16,
    },
    /// A flow-based Geneve tunnel.
    Geneve {
        /// UDP port.
        dst_port: u16,
    },
    /// A kind that this version does not make, by the kernel's number.
    Other(u32),
}

/// A port to add.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewVport {
    /// Name of the device, at most 15 bytes.
    pub name: String,
    /// What it is.
    pub kind: VportKind,
    /// Its number, 1 to 65534; the kernel chooses when absent.
    pub port_no: Option<u32>,
    /// The sockets among which its upcalls are shared by hash; empty: it has no upcalls.
    pub upcall_pids: Vec<u32>,
}

/// A port as it stands in the datapath.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vport {
    /// Its number; 0 is the datapath's own internal device.
    pub port_no: u32,
    /// What it is.
    pub kind: VportKind,
    /// Name of the device.
    pub name: String,
    /// The sockets that get its upcalls; empty: none.
    pub upcall_pids: Vec<u32>,
    /// The device's index, where the kernel says it.
    pub ifindex: Option<u32>,
    /// What passed.
    pub stats: VportStats,
}

/// Counters of a port (`struct ovs_vport_stats`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct VportStats {
    /// Packets into the datapath.
    pub rx_packets: u64,
    /// Packets out of the datapath.
    pub tx_packets: u64,
    /// Bytes into the datapath.
    pub rx_bytes: u64,
    /// Bytes out of the datapath.
    pub tx_bytes: u64,
    /// Bad packets received.
    pub rx_errors: u64,
    /// Packets that could not be sent.
    pub tx_errors: u64,
    /// Received packets dropped for want of room.
    pub rx_dropped: u64,
    /// Packets to send dropped for want of room.
    pub tx_dropped: u64,
}
