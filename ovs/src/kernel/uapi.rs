//! Numbers of the OVS families, from `include/uapi/linux/openvswitch.h`. Those of keys and actions are in
//! the crate `weft-flow`.

/// `enum ovs_datapath_cmd` and `OVS_DP_*`.
pub(crate) mod dp {
    pub(crate) const VERSION: u8 = 2;
    pub(crate) const GROUP: &str = "ovs_datapath";

    pub(crate) const NEW: u8 = 1;
    pub(crate) const DEL: u8 = 2;
    pub(crate) const GET: u8 = 3;
    pub(crate) const SET: u8 = 4;

    pub(crate) const NAME: u16 = 1;
    pub(crate) const UPCALL_PID: u16 = 2;
    pub(crate) const STATS: u16 = 3;
    pub(crate) const MEGAFLOW_STATS: u16 = 4;
    pub(crate) const USER_FEATURES: u16 = 5;

    /// The last attribute of a message may lack its padding.
    pub(crate) const F_UNALIGNED: u32 = 1 << 0;
    /// A port may have several upcall sockets.
    pub(crate) const F_VPORT_PIDS: u32 = 1 << 1;
}

/// `enum ovs_vport_cmd` and `OVS_VPORT_*`.
pub(crate) mod vport {
    pub(crate) const VERSION: u8 = 1;
    pub(crate) const GROUP: &str = "ovs_vport";

    pub(crate) const NEW: u8 = 1;
    pub(crate) const DEL: u8 = 2;
    pub(crate) const GET: u8 = 3;
    pub(crate) const SET: u8 = 4;

    pub(crate) const PORT_NO: u16 = 1;
    pub(crate) const TYPE: u16 = 2;
    pub(crate) const NAME: u16 = 3;
    pub(crate) const OPTIONS: u16 = 4;
    pub(crate) const UPCALL_PID: u16 = 5;
    pub(crate) const STATS: u16 = 6;
    pub(crate) const IFINDEX: u16 = 8;

    pub(crate) const TYPE_NETDEV: u32 = 1;
    pub(crate) const TYPE_INTERNAL: u32 = 2;
    pub(crate) const TYPE_VXLAN: u32 = 4;
    pub(crate) const TYPE_GENEVE: u32 = 5;

    /// `OVS_TUNNEL_ATTR_DST_PORT`, in host byte order.
    pub(crate) const OPTION_DST_PORT: u16 = 1;
}

/// `enum ovs_flow_cmd` and `OVS_FLOW_*`.
pub(crate) mod flow {
    pub(crate) const VERSION: u8 = 1;

    pub(crate) const NEW: u8 = 1;
    pub(crate) const DEL: u8 = 2;
    pub(crate) const GET: u8 = 3;
    pub(crate) const SET: u8 = 4;

    pub(crate) const KEY: u16 = 1;
    pub(crate) const ACTIONS: u16 = 2;
    pub(crate) const STATS: u16 = 3;
    pub(crate) const TCP_FLAGS: u16 = 4;
    pub(crate) const USED: u16 = 5;
    pub(crate) const CLEAR: u16 = 6;
    pub(crate) const MASK: u16 = 7;
    pub(crate) const PROBE: u16 = 8;
    pub(crate) const UFID: u16 = 9;
    pub(crate) const UFID_FLAGS: u16 = 10;

    /// Key, mask and actions need not come with the answer.
    pub(crate) const OMIT_ALL: u32 = 0b111;
    /// Mask and actions need not.
    pub(crate) const OMIT_MASK_AND_ACTIONS: u32 = 0b110;
}

/// `enum ovs_packet_cmd` and `OVS_PACKET_*`.
pub(crate) mod packet {
    pub(crate) const VERSION: u8 = 1;

    pub(crate) const MISS: u8 = 1;
    pub(crate) const ACTION: u8 = 2;
    pub(crate) const EXECUTE: u8 = 3;

    pub(crate) const PACKET: u16 = 1;
    pub(crate) const KEY: u16 = 2;
    pub(crate) const ACTIONS: u16 = 3;
    pub(crate) const USERDATA: u16 = 4;
    pub(crate) const MRU: u16 = 9;
    pub(crate) const LEN: u16 = 10;
    pub(crate) const HASH: u16 = 11;
}

/// `enum ovs_meter_cmd` and `OVS_METER_*`.
pub(crate) mod meter {
    pub(crate) const VERSION: u8 = 1;

    pub(crate) const FEATURES: u8 = 1;
    pub(crate) const SET: u8 = 2;
    pub(crate) const DEL: u8 = 3;
    pub(crate) const GET: u8 = 4;

    pub(crate) const ID: u16 = 1;
    pub(crate) const STATS: u16 = 3;
    pub(crate) const BANDS: u16 = 4;
    pub(crate) const MAX_METERS: u16 = 7;
    pub(crate) const MAX_BANDS: u16 = 8;
}

/// `OVS_BAND_*`.
pub(crate) mod band {
    pub(crate) const TYPE: u16 = 1;
    pub(crate) const RATE: u16 = 2;
    pub(crate) const BURST: u16 = 3;
    pub(crate) const STATS: u16 = 4;

    pub(crate) const TYPE_DROP: u32 = 1;
}

/// `enum ovs_ct_limit_cmd` and `OVS_CT_LIMIT_*`.
pub(crate) mod ct_limit {
    pub(crate) const VERSION: u8 = 1;

    pub(crate) const SET: u8 = 1;
    pub(crate) const DEL: u8 = 2;
    pub(crate) const GET: u8 = 3;

    pub(crate) const ZONE_LIMIT: u16 = 1;
}
