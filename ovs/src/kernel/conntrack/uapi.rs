//! Numbers of netfilter's connection tracking, from `include/uapi/linux/netfilter/nfnetlink.h` and
//! `nfnetlink_conntrack.h` beside it.

/// `NFNL_SUBSYS_CTNETLINK`, as the upper byte of a message's type.
const SUBSYSTEM: u16 = 1 << 8;

/// `enum cntl_msg_types`: types of messages.
pub(crate) mod kind {
    use super::SUBSYSTEM;

    pub(crate) const NEW: u16 = SUBSYSTEM;
    pub(crate) const GET: u16 = SUBSYSTEM | 1;
    pub(crate) const DELETE: u16 = SUBSYSTEM | 2;
    pub(crate) const GET_STATS: u16 = SUBSYSTEM | 5;
}

/// `enum ctattr_type`. Numbers are in network byte order, also where the type has no flag for it.
pub(crate) mod attr {
    pub(crate) const TUPLE_ORIG: u16 = 1;
    pub(crate) const TUPLE_REPLY: u16 = 2;
    pub(crate) const STATUS: u16 = 3;
    pub(crate) const PROTOINFO: u16 = 4;
    pub(crate) const TIMEOUT: u16 = 7;
    pub(crate) const MARK: u16 = 8;
    pub(crate) const COUNTERS_ORIG: u16 = 9;
    pub(crate) const COUNTERS_REPLY: u16 = 10;
    pub(crate) const ID: u16 = 12;
    pub(crate) const ZONE: u16 = 18;
    pub(crate) const TIMESTAMP: u16 = 20;
    pub(crate) const MARK_MASK: u16 = 21;
}

/// `enum ctattr_tuple`.
pub(crate) mod tuple {
    pub(crate) const IP: u16 = 1;
    pub(crate) const PROTO: u16 = 2;
}

/// `enum ctattr_ip`.
pub(crate) mod ip {
    pub(crate) const V4_SRC: u16 = 1;
    pub(crate) const V4_DST: u16 = 2;
    pub(crate) const V6_SRC: u16 = 3;
    pub(crate) const V6_DST: u16 = 4;
}

/// `enum ctattr_l4proto`.
pub(crate) mod proto {
    pub(crate) const NUM: u16 = 1;
    pub(crate) const SRC_PORT: u16 = 2;
    pub(crate) const DST_PORT: u16 = 3;
    pub(crate) const ICMP_ID: u16 = 4;
    pub(crate) const ICMP_TYPE: u16 = 5;
    pub(crate) const ICMP_CODE: u16 = 6;
    pub(crate) const ICMPV6_ID: u16 = 7;
    pub(crate) const ICMPV6_TYPE: u16 = 8;
    pub(crate) const ICMPV6_CODE: u16 = 9;
}

/// `enum ctattr_protoinfo` and `enum ctattr_protoinfo_tcp`.
pub(crate) mod protoinfo {
    pub(crate) const TCP: u16 = 1;
    pub(crate) const TCP_STATE: u16 = 1;
}

/// `enum ctattr_tstamp`.
pub(crate) mod timestamp {
    pub(crate) const START: u16 = 1;
}

/// `enum ctattr_counters`.
pub(crate) mod counters {
    pub(crate) const PACKETS: u16 = 1;
    pub(crate) const BYTES: u16 = 2;
}
