//! Codes of the options that the server reads or computes (RFC 2132 and those named beside them).

/// Padding, without a length.
pub const PAD: u8 = 0;
/// Subnet mask.
pub const SUBNET_MASK: u8 = 1;
/// Routers.
pub const ROUTER: u8 = 3;
/// Domain name servers.
pub const DNS_SERVER: u8 = 6;
/// The client's name.
pub const HOST_NAME: u8 = 12;
/// The greatest packet on the client's network.
pub const INTERFACE_MTU: u8 = 26;
/// Broadcast address.
pub const BROADCAST: u8 = 28;
/// The address that a client asks for.
pub const REQUESTED_ADDRESS: u8 = 50;
/// Duration of the lease in seconds.
pub const LEASE_TIME: u8 = 51;
/// Which fixed fields hold options, too.
pub const OVERLOAD: u8 = 52;
/// DHCP message type.
pub const MESSAGE_TYPE: u8 = 53;
/// Which server.
pub const SERVER_ID: u8 = 54;
/// What a client would like to get.
pub const PARAMETER_REQUEST_LIST: u8 = 55;
/// A sentence for people.
pub const MESSAGE: u8 = 56;
/// The greatest IP datagram that a client takes.
pub const MAX_MESSAGE_SIZE: u8 = 57;
/// When to renew, in seconds (T1).
pub const RENEWAL_TIME: u8 = 58;
/// When to rebind, in seconds (T2).
pub const REBINDING_TIME: u8 = 59;
/// Vendor class.
pub const VENDOR_CLASS: u8 = 60;
/// Client identifier; the server gives it back (RFC 6842).
pub const CLIENT_ID: u8 = 61;
/// Name of the TFTP server.
pub const TFTP_SERVER: u8 = 66;
/// Name of the boot file.
pub const BOOTFILE: u8 = 67;
/// User class (RFC 3004).
pub const USER_CLASS: u8 = 77;
/// Two messages instead of four (RFC 4039).
pub const RAPID_COMMIT: u8 = 80;
/// What a relay agent adds (RFC 3046).
pub const RELAY_AGENT: u8 = 82;
/// The client may do without IPv4 (RFC 8925).
pub const IPV6_ONLY: u8 = 108;
/// Classless static routes (RFC 3442).
pub const ROUTES: u8 = 121;
/// Addresses of TFTP servers (RFC 5859).
pub const TFTP_SERVER_ADDRESS: u8 = 150;
/// Options of Etherboot: a client that sends it is iPXE.
pub const ETHERBOOT: u8 = 175;
/// What Windows asked for before it knew option 121; the same value.
pub const MS_ROUTES: u8 = 249;
/// End of the options, without a length.
pub const END: u8 = 255;
