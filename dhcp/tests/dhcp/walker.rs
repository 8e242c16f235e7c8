//! Reads a reply strictly, by nothing but offsets of RFC 2131 figure 1 and the rules of RFC 3396.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A reply as a careful client reads it.
#[derive(Debug)]
pub struct Walked {
    pub op: u8,
    pub hardware: [u8; 3],
    pub xid: [u8; 4],
    pub secs: [u8; 2],
    pub flags: [u8; 2],
    pub ciaddr: Ipv4Addr,
    pub yiaddr: Ipv4Addr,
    pub siaddr: Ipv4Addr,
    pub giaddr: Ipv4Addr,
    pub chaddr: [u8; 16],
    /// As text, up to its first zero; empty when the field holds options.
    pub sname: String,
    pub file: String,
    /// Codes in the order of their first part.
    pub order: Vec<u8>,
    /// Values, put together.
    pub options: BTreeMap<u8, Vec<u8>>,
    /// Value of option 52, or 0.
    pub overload: u8,
}

impl Walked {
    #[track_caller]
    pub fn read(bytes: &[u8]) -> Self {
        assert!(
            bytes.len() >= 300,
            "shorter than BOOTP's least: {}",
            bytes.len()
        );
        let address =
            |at: usize| Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
        assert_eq!(&bytes[236..240], &[99, 130, 83, 99], "cookie");
        let mut walked = Self {
            op: bytes[0],
            hardware: [bytes[1], bytes[2], bytes[3]],
            xid: bytes[4..8].try_into().unwrap(),
            secs: bytes[8..10].try_into().unwrap(),
            flags: bytes[10..12].try_into().unwrap(),
            ciaddr: address(12),
            yiaddr: address(16),
            siaddr: address(20),
            giaddr: address(24),
            chaddr: bytes[28..44].try_into().unwrap(),
            sname: String::new(),
            file: String::new(),
            order: vec![],
            options: BTreeMap::new(),
            overload: 0,
        };
        walked.walk(&bytes[240..]);
        walked.overload = walked.options.get(&52).map_or(0, |value| {
            assert_eq!(value.len(), 1, "option 52");
            value[0]
        });
        assert!(walked.overload <= 3, "option 52");
        if walked.overload & 1 != 0 {
            walked.walk(&bytes[108..236]);
        } else {
            walked.file = text(&bytes[108..236]);
        }
        if walked.overload & 2 != 0 {
            walked.walk(&bytes[44..108]);
        } else {
            walked.sname = text(&bytes[44..108]);
        }
        walked
    }

    /// Walks one field; there must be an end option, and padding after it.
    #[track_caller]
    fn walk(&mut self, field: &[u8]) {
        let mut at = 0;
        let mut last = None;
        while field[at] != 255 {
            let code = field[at];
            assert_ne!(code, 0, "padding before the end");
            let len = usize::from(field[at + 1]);
            let value = &field[at + 2..at + 2 + len];
            if last != Some(code) {
                assert!(!self.order.contains(&code), "option {code} stands twice");
                self.order.push(code);
            }
            self.options.entry(code).or_default().extend(value);
            last = Some(code);
            at += 2 + len;
        }
        assert!(field[at + 1..].iter().all(|&byte| byte == 0), "padding");
    }

    /// The value of an option that must be there.
    #[track_caller]
    pub fn value(&self, code: u8) -> &[u8] {
        self.get(code)
            .unwrap_or_else(|| panic!("no option {code}: {:?}", self.order))
    }

    pub fn get(&self, code: u8) -> Option<&[u8]> {
        self.options.get(&code).map(Vec::as_slice)
    }

    #[track_caller]
    pub fn seconds(&self, code: u8) -> u32 {
        u32::from_be_bytes(self.value(code).try_into().unwrap())
    }
}

/// A text that ends with a zero, in a field that is zero after it.
#[track_caller]
fn text(field: &[u8]) -> String {
    let end = field
        .iter()
        .position(|&byte| byte == 0)
        .expect("a zero at the end");
    assert!(field[end..].iter().all(|&byte| byte == 0), "after the zero");
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// The type of a message, as dhcproto reads it; its fixed fields must be those that we read.
#[track_caller]
pub fn dhcproto_reads(bytes: &[u8]) -> dhcproto::v4::Message {
    use dhcproto::Decodable;
    let theirs = dhcproto::v4::Message::from_bytes(bytes).unwrap();
    let ours = Walked::read(bytes);
    assert_eq!(theirs.xid(), u32::from_be_bytes(ours.xid));
    assert_eq!(u16::from(theirs.flags()), u16::from_be_bytes(ours.flags));
    assert_eq!(theirs.ciaddr(), ours.ciaddr);
    assert_eq!(theirs.yiaddr(), ours.yiaddr);
    assert_eq!(theirs.siaddr(), ours.siaddr);
    assert_eq!(theirs.giaddr(), ours.giaddr);
    assert_eq!(theirs.chaddr(), &ours.chaddr[..6]);
    let message_type = theirs.opts().msg_type().map(u8::from);
    assert_eq!(message_type, ours.value(53).first().copied());
    theirs
}
