//! The fields of a kernel flow key (`include/uapi/linux/openvswitch.h`, `enum ovs_key_attr`).
//!
//! Key, mask and set actions are all indexed by [`Field`], so that code which treats fields alike (a
//! mask's cover test, a dictionary of masks, the text form) is written once.
//!
//! A field's number goes into flow ids ([`crate::ufid`]), so new ones are appended, never put between.

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident: $width:literal,)*) => {
        /// One field of a flow key. A field is *present* in a key or it is not; a present field may be 0.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Field {
            $($(#[$doc])* $name,)*
        }

        impl Field {
            /// Every field, in the order of declaration.
            pub const ALL: &'static [Field] = &[$(Field::$name),*];
            /// How many there are; at most 64.
            pub const COUNT: usize = Self::ALL.len();

            /// Its width in bits.
            #[inline]
            pub const fn width(self) -> u32 {
                const WIDTHS: [u8; Field::COUNT] = [$($width),*];
                WIDTHS[self as usize] as u32
            }
        }
    };
}

fields! {
    /// Which pass of the packet this is; 0 is the first.
    RecircId: 32,
    /// Datapath port number that it came in by.
    InPort: 32,
    /// `skb->priority`.
    SkbPriority: 32,
    /// `skb->mark`.
    SkbMark: 32,
    /// Hash computed by a hash action.
    DpHash: 32,
    /// Connection tracking state bits (`OVS_CS_F_*`). The attribute has 32 bits, but the kernel refuses a
    /// key or mask with others than these 8.
    CtState: 8,
    /// Connection tracking zone.
    CtZone: 16,
    /// Connection mark.
    CtMark: 32,
    /// Connection label.
    CtLabels: 128,
    /// Original direction's IPv4 source.
    CtV4Src: 32,
    /// Original direction's IPv4 destination.
    CtV4Dst: 32,
    /// Original direction's IPv6 source.
    CtV6Src: 128,
    /// Original direction's IPv6 destination.
    CtV6Dst: 128,
    /// Original direction's IP protocol.
    CtProto: 8,
    /// Original direction's source port or ICMP type.
    CtTpSrc: 16,
    /// Original direction's destination port or ICMP code.
    CtTpDst: 16,
    /// Tunnel key (VNI).
    TunId: 64,
    /// Outer IPv4 source.
    TunV4Src: 32,
    /// Outer IPv4 destination.
    TunV4Dst: 32,
    /// Outer IPv6 source.
    TunV6Src: 128,
    /// Outer IPv6 destination.
    TunV6Dst: 128,
    /// Outer TOS or traffic class.
    TunTos: 8,
    /// Outer TTL or hop limit.
    TunTtl: 8,
    /// Flags: bit 0 do not fragment, bit 1 checksum, bit 2 OAM.
    TunFlags: 3,
    /// Outer UDP source port.
    TunTpSrc: 16,
    /// Outer UDP destination port.
    TunTpDst: 16,
    /// Ethernet source.
    EthSrc: 48,
    /// Ethernet destination.
    EthDst: 48,
    /// Ethertype after any VLAN tags; absent for an LLC frame.
    EthType: 16,
    /// Outer VLAN tag's control information; bit 12 (CFI) says that the tag is there.
    VlanTci: 16,
    /// Outer VLAN tag's protocol (0x8100 or 0x88a8).
    VlanTpid: 16,
    /// Inner VLAN tag's control information.
    InnerVlanTci: 16,
    /// Inner VLAN tag's protocol.
    InnerVlanTpid: 16,
    /// IPv4 source.
    Ipv4Src: 32,
    /// IPv4 destination.
    Ipv4Dst: 32,
    /// IPv6 source.
    Ipv6Src: 128,
    /// IPv6 destination.
    Ipv6Dst: 128,
    /// IPv6 flow label.
    Ipv6Label: 20,
    /// IP protocol or last next header.
    IpProto: 8,
    /// TOS or traffic class.
    IpTos: 8,
    /// TTL or hop limit.
    IpTtl: 8,
    /// Fragment type: 0 none, 1 first, 2 later (`enum ovs_frag_type`).
    IpFrag: 8,
    /// ARP operation. The attribute has 16 bits, but the kernel keeps 8, and shows 8 of a mask: it refuses a
    /// key with others, and extracts a packet's operation above 255 as 0.
    ArpOp: 8,
    /// ARP sender's protocol address.
    ArpSip: 32,
    /// ARP target's protocol address.
    ArpTip: 32,
    /// ARP sender's hardware address.
    ArpSha: 48,
    /// ARP target's hardware address.
    ArpTha: 48,
    /// Source port of TCP, UDP or SCTP (which one says [`Field::IpProto`]).
    TpSrc: 16,
    /// Destination port of TCP, UDP or SCTP.
    TpDst: 16,
    /// TCP flags.
    TcpFlags: 12,
    /// Type of ICMP or ICMPv6.
    IcmpType: 8,
    /// Code of ICMP or ICMPv6.
    IcmpCode: 8,
    /// Neighbour discovery: target address.
    NdTarget: 128,
    /// Neighbour discovery: source link-layer address option.
    NdSll: 48,
    /// Neighbour discovery: target link-layer address option.
    NdTll: 48,
    /// Which IPv6 extension headers there are and whether in order (`OFPIEH12_*` bits; kernel 5.18).
    Ipv6Exthdrs: 16,
}

const _: () = assert!(Field::COUNT <= 64, "a key's presence is a 64-bit set");

impl Field {
    /// All bits of the field.
    #[inline]
    pub const fn full(self) -> u128 {
        u128::MAX >> (128 - self.width())
    }

    /// The field as a member of a 64-bit set.
    #[inline]
    pub(crate) const fn bit(self) -> u64 {
        1 << self as u8
    }

    /// The fields of a 64-bit set, in order.
    pub(crate) fn of(mut set: u64) -> impl Iterator<Item = Field> {
        std::iter::from_fn(move || {
            let field = Self::ALL.get(set.trailing_zeros() as usize);
            set &= set.wrapping_sub(1);
            field.copied()
        })
    }
}
