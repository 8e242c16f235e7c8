//! A BOOTP message read in place (RFC 951 §3, RFC 2131 §2): fixed fields and options.
//!
//! Everything a guest sends is read here, and only here. [`Message::parse`] checks the whole message
//! once; what comes after can neither panic nor fail.
//!
//! Why an own reader and not dhcproto (0.15), which our tests use as an oracle: it slices the 16 bytes
//! of `chaddr` by the `hlen` of the wire; it asserts lengths of the wire (options 80, 81, 94 and 152 to
//! 155), which panics in the profile that tests and demo run; and it stops at the first option that
//! it cannot decode, so a host name that is not UTF-8 hides the options after it.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use weft_topology::MacAddr;

use crate::options::code;
use crate::reason::Malformed;

/// Length of the fixed fields in bytes.
pub const HEADER: usize = 236;
/// What options begin with (RFC 1497).
pub const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// `htype` of Ethernet.
pub const HTYPE_ETHERNET: u8 = 1;
/// Where the server host name stands in the header, and where the boot file name does.
const SNAME: std::ops::Range<usize> = 44..108;
const FILE: std::ops::Range<usize> = 108..HEADER;

/// Who sends a message: `op`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// BOOTREQUEST, from a client.
    Request,
    /// BOOTREPLY, from a server.
    Reply,
}

/// The DHCP message type, option 53 (RFC 2132 §9.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageType {
    /// A client looks for servers.
    Discover,
    /// A server offers an address.
    Offer,
    /// A client asks for an address, or for more time.
    Request,
    /// A client found the address in use.
    Decline,
    /// A server grants.
    Ack,
    /// A server refuses.
    Nak,
    /// A client gives its address back.
    Release,
    /// A client that has an address asks for the rest.
    Inform,
    /// Any other, such as a lease query.
    Other(u8),
}

/// A message whose structure has been checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    /// Request or reply.
    pub op: Op,
    /// Hardware type; 1 is Ethernet.
    pub htype: u8,
    /// Length of the hardware address, at most 16.
    pub hlen: u8,
    /// Transaction id.
    pub xid: [u8; 4],
    /// Flags; see [`Message::broadcast`].
    pub flags: [u8; 2],
    /// The address that the client uses, or 0.0.0.0.
    pub ciaddr: Ipv4Addr,
    /// "Your" address: what the server assigned.
    pub yiaddr: Ipv4Addr,
    /// Next server of the boot process.
    pub siaddr: Ipv4Addr,
    /// The relay agent, or 0.0.0.0.
    pub giaddr: Ipv4Addr,
    /// Hardware address with its padding.
    pub chaddr: [u8; 16],
    /// Option 53; absent in plain BOOTP.
    pub message_type: Option<MessageType>,
    /// Where options stand, in the order in which they are read (RFC 2131 §4.1, RFC 3396 §7).
    areas: [&'a [u8]; 3],
}

/// The options of an area, as they stand there: a code and a value that is never longer than 255.
/// Ends at the end option, at the end of the area or after the first error.
#[derive(Clone)]
struct Walk<'a> {
    rest: &'a [u8],
}

// === impl Message ===

impl<'a> Message<'a> {
    /// Reads and checks a message: the payload of a UDP packet.
    ///
    /// # Errors
    /// The structure is not that of a BOOTP message. Contents are not judged.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(Malformed::Short { len: bytes.len() });
        };
        let hlen = header[2];
        if usize::from(hlen) > 16 {
            return Err(Malformed::HardwareLength { hlen });
        }
        let op = match header[0] {
            1 => Op::Request,
            2 => Op::Reply,
            op => return Err(Malformed::Op { op }),
        };
        let mut message = Self {
            op,
            htype: header[1],
            hlen,
            xid: field(header, 4),
            flags: field(header, 10),
            ciaddr: field::<4>(header, 12).into(),
            yiaddr: field::<4>(header, 16).into(),
            siaddr: field::<4>(header, 20).into(),
            giaddr: field::<4>(header, 24).into(),
            chaddr: field(header, 28),
            message_type: None,
            areas: [rest.strip_prefix(&COOKIE).unwrap_or_default(), &[], &[]],
        };
        message.check_options()?;
        if let Some(overload) = message.number::<1>(code::OVERLOAD)? {
            let (file, sname) = match overload {
                [1] => (true, false),
                [2] => (false, true),
                [3] => (true, true),
                [value] => return Err(Malformed::Overload { value }),
            };
            if file {
                message.areas[1] = &header[FILE];
            }
            if sname {
                message.areas[2] = &header[SNAME];
            }
            message.check_options()?;
        }
        message.number::<4>(code::REQUESTED_ADDRESS)?;
        message.number::<4>(code::SERVER_ID)?;
        message.number::<2>(code::MAX_MESSAGE_SIZE)?;
        message.message_type = message.number(code::MESSAGE_TYPE)?.map(|[n]| n.into());
        Ok(message)
    }

    /// The value of an option; one that was split is put together (RFC 3396).
    pub fn option(&self, code: u8) -> Option<Cow<'a, [u8]>> {
        let mut value: Option<Cow<'a, [u8]>> = None;
        for (found, part) in self.options() {
            if found == code {
                match &mut value {
                    None => value = Some(Cow::Borrowed(part)),
                    Some(whole) => whole.to_mut().extend_from_slice(part),
                }
            }
        }
        value
    }

    /// The value of an option that is an address.
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        let value: [u8; 4] = self.option(code)?.as_ref().try_into().ok()?;
        Some(value.into())
    }

    /// The greatest IP datagram that the client takes, in bytes (option 57), if it says.
    pub fn max_message_size(&self) -> Option<u16> {
        let value = self.option(code::MAX_MESSAGE_SIZE)?;
        Some(u16::from_be_bytes(value.as_ref().try_into().ok()?))
    }

    /// Whether the client cannot take unicast packets before it is configured.
    pub fn broadcast(&self) -> bool {
        self.flags[0] & 0x80 != 0
    }

    /// The client's MAC, if its hardware is Ethernet.
    pub fn mac(&self) -> Option<MacAddr> {
        let [a, b, c, d, e, f, ..] = self.chaddr;
        (self.htype == HTYPE_ETHERNET && self.hlen == 6).then_some(MacAddr(a, b, c, d, e, f))
    }

    /// The parts of options as they stand in the message, without padding.
    pub fn options(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        self.areas
            .into_iter()
            .flat_map(|area| Walk { rest: area }.map_while(Result::ok))
    }

    /// Walks all areas once; from then on [`Message::options`] leaves nothing out.
    fn check_options(&self) -> Result<(), Malformed> {
        self.areas
            .into_iter()
            .flat_map(|area| Walk { rest: area })
            .try_for_each(|option| option.map(|_| ()))
    }

    /// The value of an option of a fixed length.
    fn number<const N: usize>(&self, code: u8) -> Result<Option<[u8; N]>, Malformed> {
        self.option(code)
            .map(|value| {
                value
                    .as_ref()
                    .try_into()
                    .map_err(|_| Malformed::OptionLength {
                        code,
                        len: value.len(),
                    })
            })
            .transpose()
    }
}

/// A field of the header. All offsets are constants of this file, within the header.
fn field<const N: usize>(header: &[u8; HEADER], at: usize) -> [u8; N] {
    std::array::from_fn(|i| header.get(at + i).copied().unwrap_or_default())
}

// === impl Walk ===

impl<'a> Iterator for Walk<'a> {
    type Item = Result<(u8, &'a [u8]), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((&code::PAD, rest)) = self.rest.split_first() {
            self.rest = rest;
        }
        let (&code, rest) = self.rest.split_first()?;
        self.rest = &[];
        if code == code::END {
            return None;
        }
        let Some((&len, rest)) = rest.split_first() else {
            return Some(Err(Malformed::OptionOverrun { code }));
        };
        let Some((value, rest)) = rest.split_at_checked(usize::from(len)) else {
            return Some(Err(Malformed::OptionOverrun { code }));
        };
        self.rest = rest;
        Some(Ok((code, value)))
    }
}

// === impl MessageType ===

impl From<u8> for MessageType {
    fn from(number: u8) -> Self {
        match number {
            1 => Self::Discover,
            2 => Self::Offer,
            3 => Self::Request,
            4 => Self::Decline,
            5 => Self::Ack,
            6 => Self::Nak,
            7 => Self::Release,
            8 => Self::Inform,
            number => Self::Other(number),
        }
    }
}

impl From<MessageType> for u8 {
    fn from(message_type: MessageType) -> Self {
        match message_type {
            MessageType::Discover => 1,
            MessageType::Offer => 2,
            MessageType::Request => 3,
            MessageType::Decline => 4,
            MessageType::Ack => 5,
            MessageType::Nak => 6,
            MessageType::Release => 7,
            MessageType::Inform => 8,
            MessageType::Other(number) => number,
        }
    }
}
