//! The options that have names: code, names and type of the value.
//!
//! Names are those of dnsmasq (and so of Neutron), of OVN and of IANA's registry, in this order; the
//! first is ours. They are compared without case, `_` is `-`, and an `s` at the end does not count.

use Kind::*;

/// The type of an option's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// One byte, 0 or 1.
    Bool,
    /// A number of 8 bits.
    U8,
    /// A number of 16 bits that is at least this.
    U16(u16),
    /// Numbers of 16 bits that are at least this.
    U16List(u16),
    /// A number of 32 bits.
    U32,
    /// A number of 32 bits with a sign.
    I32,
    /// Seconds, 32 bits, where all ones are for ever.
    Seconds,
    /// An IPv4 address.
    Ip,
    /// IPv4 addresses, at least one.
    IpList,
    /// Pairs of IPv4 addresses, at least one.
    IpPairs,
    /// A host name (RFC 1123 §2.1).
    HostName,
    /// A text.
    Text,
    /// Domain names, compressed (RFC 3397).
    Domains,
    /// Classless routes (RFC 3442).
    Routes,
    /// Bytes with a structure of their own.
    Bytes,
    /// Not in the table.
    Unknown,
}

/// An option that has a name.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its number.
    pub code: u8,
    /// Its value's type.
    pub kind: Kind,
    /// Its names; the first is the one that messages use.
    pub names: &'static [&'static str],
}

/// The entry of a code.
pub fn by_code(code: u8) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.code == code)
}

/// The entry of a name.
pub fn by_name(name: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| is_one_of(name, entry.names))
}

/// Whether a name is one of some.
pub(crate) fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| compared(known).eq(compared(name)))
}

/// A name in the form in which names are compared.
fn compared(name: &str) -> impl Iterator<Item = u8> {
    let singular = name.strip_suffix(['s', 'S']).unwrap_or(name);
    singular.bytes().map(|byte| match byte {
        b'_' => b'-',
        byte => byte.to_ascii_lowercase(),
    })
}

const fn entry(code: u8, kind: Kind, names: &'static [&'static str]) -> Entry {
    Entry { code, kind, names }
}

/// All entries, by code. Not listed: what the server owns (see [`super::parse`]), and options that
/// only clients send.
#[rustfmt::skip]
pub static TABLE: &[Entry] = &[
    entry(1, Ip, &["netmask", "subnet-mask"]),
    entry(2, I32, &["time-offset"]),
    entry(3, IpList, &["router", "gateway"]),
    entry(4, IpList, &["time-server"]),
    entry(5, IpList, &["name-server"]),
    entry(6, IpList, &["dns-server", "domain-name-server", "domain-server"]),
    entry(7, IpList, &["log-server"]),
    entry(8, IpList, &["quotes-server", "cookie-server"]),
    entry(9, IpList, &["lpr-server"]),
    entry(10, IpList, &["impress-server"]),
    entry(11, IpList, &["rlp-server", "resource-location-server"]),
    entry(12, HostName, &["hostname", "host-name"]),
    entry(13, U16(0), &["boot-file-size"]),
    entry(14, Text, &["merit-dump-file", "merit-dump"]),
    entry(15, Text, &["domain-name"]),
    entry(16, Ip, &["swap-server"]),
    entry(17, Text, &["root-path"]),
    entry(18, Text, &["extension-path", "extension-file"]),
    entry(19, Bool, &["ip-forward-enable", "ip-forwarding"]),
    entry(20, Bool, &["non-local-source-routing"]),
    entry(21, IpPairs, &["policy-filter"]),
    entry(22, U16(576), &["max-datagram-reassembly"]),
    entry(23, U8, &["default-ttl", "default-ip-ttl"]),
    entry(24, U32, &["mtu-timeout", "path-mtu-aging-timeout"]),
    entry(25, U16List(68), &["mtu-plateau", "path-mtu-plateau-table"]),
    entry(26, U16(68), &["mtu", "interface-mtu", "mtu-interface"]),
    entry(27, Bool, &["all-subnets-local", "mtu-subnet"]),
    entry(28, Ip, &["broadcast", "broadcast-address"]),
    entry(29, Bool, &["mask-discovery", "perform-mask-discovery"]),
    entry(30, Bool, &["mask-supplier"]),
    entry(31, Bool, &["router-discovery", "perform-router-discovery"]),
    entry(32, Ip, &["router-solicitation", "router-request", "router-solicitation-address"]),
    entry(33, IpPairs, &["static-route"]),
    entry(34, Bool, &["trailer-encapsulation", "trailers"]),
    entry(35, U32, &["arp-timeout", "arp-cache-timeout"]),
    entry(36, Bool, &["ethernet-encap", "ethernet"]),
    entry(37, U8, &["tcp-ttl", "default-tcp-ttl"]),
    entry(38, U32, &["tcp-keepalive", "tcp-keepalive-interval", "keepalive-time"]),
    entry(39, Bool, &["tcp-keepalive-garbage", "keepalive-data"]),
    entry(40, Text, &["nis-domain"]),
    entry(41, IpList, &["nis-server"]),
    entry(42, IpList, &["ntp-server"]),
    entry(43, Bytes, &["vendor-encap", "vendor-specific", "vendor-encapsulated-options"]),
    entry(44, IpList, &["netbios-ns", "netbios-name-server", "netbios-name-srv"]),
    entry(45, IpList, &["netbios-dd", "netbios-dd-server", "netbios-dist-srv"]),
    entry(46, U8, &["netbios-nodetype", "netbios-node-type"]),
    entry(47, Text, &["netbios-scope"]),
    entry(48, IpList, &["x-windows-fs", "font-server", "x-window-font"]),
    entry(49, IpList, &["x-windows-dm", "x-display-manager", "x-window-manager"]),
    entry(51, Seconds, &["lease-time", "dhcp-lease-time", "address-time"]),
    entry(56, Text, &["message", "dhcp-message"]),
    entry(58, Seconds, &["T1", "renewal-time", "dhcp-renewal-time"]),
    entry(59, Seconds, &["T2", "rebinding-time", "dhcp-rebinding-time"]),
    entry(60, Text, &["vendor-class", "vendor-class-identifier", "class-id"]),
    entry(62, Text, &["nwip-domain", "netware-ip-domain"]),
    entry(63, Bytes, &["nwip-option", "netware-ip-option", "nwip-suboptions"]),
    entry(64, Text, &["nis+-domain", "nisplus-domain", "nis-domain-name"]),
    entry(65, IpList, &["nis+-server", "nisplus-server", "nis-server-addr"]),
    entry(66, Text, &["tftp-server", "tftp-server-name", "server-name"]),
    entry(67, Text, &["bootfile-name", "bootfile"]),
    entry(68, IpList, &["mobile-ip-home", "mobile-ip-home-agent", "home-agent-addrs"]),
    entry(69, IpList, &["smtp-server"]),
    entry(70, IpList, &["pop3-server", "pop-server"]),
    entry(71, IpList, &["nntp-server"]),
    entry(72, IpList, &["www-server"]),
    entry(73, IpList, &["finger-server"]),
    entry(74, IpList, &["irc-server"]),
    entry(75, IpList, &["streettalk-server"]),
    entry(76, IpList, &["stda-server", "streettalk-directory-assistance-server"]),
    entry(77, Bytes, &["user-class"]),
    entry(78, Bytes, &["slp-directory-agent", "directory-agent"]),
    entry(79, Bytes, &["slp-service-scope", "service-scope"]),
    entry(83, Bytes, &["isns"]),
    entry(85, IpList, &["nds-server"]),
    entry(86, Text, &["nds-tree-name"]),
    entry(87, Text, &["nds-context"]),
    entry(88, Bytes, &["bcms-controller-name", "bcmcs-controller-domain-name-list"]),
    entry(89, IpList, &["bcms-controller-address", "bcmcs-controller-ipv4-address-option"]),
    entry(90, Bytes, &["authentication"]),
    entry(93, U16(0), &["client-arch"]),
    entry(94, Bytes, &["client-interface-id"]),
    entry(97, Bytes, &["client-machine-id", "uuid-guid"]),
    entry(98, Text, &["user-auth", "uap-servers"]),
    entry(99, Bytes, &["geoconf-civic"]),
    entry(100, Text, &["posix-timezone", "pcode"]),
    entry(101, Text, &["tzdb-timezone", "tcode"]),
    entry(108, Seconds, &["ipv6-only-preferred"]),
    entry(112, IpList, &["netinfo-address", "netinfo-server-address"]),
    entry(113, Text, &["netinfo-tag", "netinfo-server-tag"]),
    entry(114, Text, &["captive-portal", "dhcp-captive-portal"]),
    entry(116, U8, &["auto-config"]),
    entry(117, U16List(0), &["name-service-search"]),
    entry(118, Ip, &["subnet-selection", "subnet-select"]),
    entry(119, Domains, &["domain-search", "domain-search-list"]),
    entry(120, Bytes, &["sip-server"]),
    entry(121, Routes, &["classless-static-route", "classless-static-route-option"]),
    entry(122, Bytes, &["ccc", "cablelabs-client-configuration"]),
    entry(123, Bytes, &["geoconf"]),
    entry(124, Bytes, &["vi-vendor-class", "vendor-class-option"]),
    entry(125, Bytes, &["vendor-id-encap", "vi-vendor-specific-information"]),
    entry(136, IpList, &["pana-agent"]),
    entry(137, Bytes, &["v4-lost"]),
    entry(138, IpList, &["capwap-ac-v4", "capwap-ac"]),
    entry(141, Bytes, &["sip-ua-cs-domains"]),
    entry(143, Bytes, &["v4-sztp-redirect"]),
    entry(150, IpList, &["tftp-server-address"]),
    entry(162, Bytes, &["v4-dnr"]),
    entry(208, Bytes, &["pxelinux-magic"]),
    entry(209, Text, &["config-file", "configuration-file"]),
    entry(210, Text, &["path-prefix"]),
    entry(211, U32, &["reboot-time"]),
    entry(212, Bytes, &["6rd", "option-6rd"]),
    entry(213, Text, &["v4-access-domain"]),
    entry(249, Routes, &["ms-classless-static-route"]),
    entry(252, Text, &["wpad", "web-proxy-auto-discovery"]),
];
