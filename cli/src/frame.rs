//! A frame out of words, for `weft trace`.

use std::net::IpAddr;
use std::str::FromStr;

use etherparse::{ArpHardwareId, ArpOperation, ArpPacket, EtherType, IpNumber, PacketBuilder};
use weft_topology::MacAddr;

/// Payload of a packet that has a protocol without further words.
const PAYLOAD: &[u8] = b"weft trace";

/// Why words make no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A word is not KEY=VALUE, or there is no such key.
    #[error("'{0}' is no word of a packet; see weft trace --help")]
    UnknownWord(String),
    /// A key stands there twice.
    #[error("{0}= is given twice")]
    Twice(&'static str),
    /// A value is not what its key wants.
    #[error("{key}={value}: want {want}")]
    BadValue {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it could have been.
        want: &'static str,
    },
    /// A key is wanted that is not there.
    #[error("{0}= is missing")]
    Missing(&'static str),
    /// Keys do not go together.
    #[error("{0} do not go together")]
    Clash(&'static str),
}

const KEYS: [&str; 13] = [
    "hex", "from", "to", "vlan", "arp", "sender", "target", "src", "dst", "proto", "sport",
    "dport", "ttl",
];

/// The words, looked up by key.
struct Words(Vec<(&'static str, String)>);

/// Makes a frame.
pub fn from_words(words: &[String]) -> Result<Vec<u8>, FrameError> {
    let words = Words::split(words)?;
    if let Some(text) = words.get("hex") {
        return match words.0.len() {
            1 => bytes_of(text),
            _ => Err(FrameError::Clash("hex= and other words")),
        };
    }
    match (words.get("arp"), words.get("src").or(words.get("dst"))) {
        (Some(_), Some(_)) => Err(FrameError::Clash("arp= and src= or dst=")),
        (Some(_), None) => arp(&words),
        (None, _) => ip(&words),
    }
}

fn arp(words: &Words) -> Result<Vec<u8>, FrameError> {
    let operation = match words.get("arp") {
        Some("request") => ArpOperation::REQUEST,
        Some("reply") => ArpOperation::REPLY,
        other => return Err(bad("arp", other.unwrap_or_default(), "request or reply")),
    };
    let from = words.mac("from")?;
    let to = words.mac("to")?;
    let address = |key| match words.wanted::<IpAddr>(key, "an IPv4 address")? {
        IpAddr::V4(address) => Ok(address.octets()),
        IpAddr::V6(address) => Err(bad(key, &address.to_string(), "an IPv4 address")),
    };
    let target_mac = if operation == ArpOperation::REQUEST {
        [0; 6]
    } else {
        to
    };
    let (sender, target) = (address("sender")?, address("target")?);
    let packet = ArpPacket::new(
        ArpHardwareId::ETHERNET,
        EtherType::IPV4,
        operation,
        &from,
        &sender,
        &target_mac,
        &target,
    )
    .map_err(|_| FrameError::Clash("these addresses"))?;
    let mut frame = Vec::new();
    frame.extend(to);
    frame.extend(from);
    if let Some(vlan) = words.number("vlan")? {
        frame.extend(0x8100_u16.to_be_bytes());
        frame.extend(vlan.to_be_bytes());
    }
    frame.extend(EtherType::ARP.0.to_be_bytes());
    frame.extend(packet.to_bytes());
    Ok(frame)
}

fn ip(words: &Words) -> Result<Vec<u8>, FrameError> {
    let ethernet = PacketBuilder::ethernet2(words.mac("from")?, words.mac("to")?);
    let source = words.wanted::<IpAddr>("src", "an IP address")?;
    let destination = words.wanted::<IpAddr>("dst", "an IP address")?;
    let ttl = match words.number("ttl")? {
        None => 64,
        Some(ttl) => u8::try_from(ttl).map_err(|_| bad("ttl", &ttl.to_string(), "0 to 255"))?,
    };
    let port = |key| Ok::<u16, FrameError>(words.number(key)?.unwrap_or(0));
    macro_rules! finish {
        ($link:expr) => {{
            let builder = match (source, destination) {
                (IpAddr::V4(src), IpAddr::V4(dst)) => $link.ipv4(src.octets(), dst.octets(), ttl),
                (IpAddr::V6(src), IpAddr::V6(dst)) => $link.ipv6(src.octets(), dst.octets(), ttl),
                _ => return Err(FrameError::Clash("an IPv4 and an IPv6 address")),
            };
            let mut frame = Vec::new();
            let (sport, dport) = (port("sport")?, port("dport")?);
            let written = match words.get("proto").unwrap_or("icmp") {
                "tcp" => builder
                    .tcp(sport, dport, 0, 65_535)
                    .syn()
                    .write(&mut frame, PAYLOAD),
                "udp" => builder.udp(sport, dport).write(&mut frame, PAYLOAD),
                "icmp" if source.is_ipv6() => {
                    builder.icmpv6_echo_request(1, 1).write(&mut frame, PAYLOAD)
                }
                "icmp" => builder.icmpv4_echo_request(1, 1).write(&mut frame, PAYLOAD),
                other => {
                    let number = other
                        .parse()
                        .map_err(|_| bad("proto", other, "tcp, udp, icmp or a number"))?;
                    builder.write(&mut frame, IpNumber(number), PAYLOAD)
                }
            };
            written.map_err(|_| FrameError::Clash("these words"))?;
            Ok(frame)
        }};
    }
    match words.number("vlan")? {
        None => finish!(ethernet),
        Some(vlan) => {
            let id = etherparse::VlanId::try_new(vlan)
                .map_err(|_| bad("vlan", &vlan.to_string(), "0 to 4095"))?;
            finish!(ethernet.single_vlan(id))
        }
    }
}

fn bytes_of(text: &str) -> Result<Vec<u8>, FrameError> {
    let error = || bad("hex", text, "an even number of hex digits");
    let digits: Vec<char> = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != ':')
        .collect();
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => {
                let digit = |c: &char| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit(high)
                    .zip(digit(low))
                    .map(|(high, low)| high << 4 | low)
                    .ok_or_else(error)
            }
            _ => Err(error()),
        })
        .collect()
}

fn bad(key: &'static str, value: &str, want: &'static str) -> FrameError {
    FrameError::BadValue {
        key,
        value: value.to_owned(),
        want,
    }
}

impl Words {
    fn split(words: &[String]) -> Result<Self, FrameError> {
        let mut found: Vec<(&'static str, String)> = Vec::new();
        for word in words {
            let unknown = || FrameError::UnknownWord(word.clone());
            let (key, value) = word.split_once('=').ok_or_else(unknown)?;
            let key = KEYS
                .iter()
                .copied()
                .find(|known| *known == key)
                .ok_or_else(unknown)?;
            if found.iter().any(|(there, _)| *there == key) {
                return Err(FrameError::Twice(key));
            }
            found.push((key, value.to_owned()));
        }
        Ok(Self(found))
    }

    fn get(&self, key: &'static str) -> Option<&str> {
        self.0
            .iter()
            .find(|(there, _)| *there == key)
            .map(|(_, value)| value.as_str())
    }

    fn wanted<T: FromStr>(&self, key: &'static str, want: &'static str) -> Result<T, FrameError> {
        let value = self.get(key).ok_or(FrameError::Missing(key))?;
        value.parse().map_err(|_| bad(key, value, want))
    }

    fn mac(&self, key: &'static str) -> Result<[u8; 6], FrameError> {
        Ok(self.wanted::<MacAddr>(key, "a MAC address")?.octets())
    }

    fn number(&self, key: &'static str) -> Result<Option<u16>, FrameError> {
        self.get(key)
            .map(|_| self.wanted(key, "a number"))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Result<Vec<u8>, FrameError> {
        from_words(
            &text
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn words_make_the_packet_that_they_say() {
        let bytes = frame(
            "from=02:00:00:00:00:01 to=02:00:00:00:00:02 vlan=7 src=10.0.0.1 dst=10.0.0.2 \
             proto=tcp sport=1000 dport=80",
        )
        .unwrap();
        let packet = etherparse::SlicedPacket::from_ethernet(&bytes).unwrap();
        assert_eq!(
            packet.vlan().unwrap().to_header().next_header(),
            EtherType::IPV4
        );
        let Some(etherparse::TransportSlice::Tcp(tcp)) = packet.transport else {
            panic!("no TCP");
        };
        assert_eq!((tcp.source_port(), tcp.destination_port()), (1000, 80));
    }

    #[test]
    fn an_arp_request_has_42_bytes_and_no_target_mac() {
        let bytes = frame(
            "from=02:00:00:00:00:01 to=ff:ff:ff:ff:ff:ff arp=request sender=10.0.0.1 target=10.0.0.2",
        )
        .unwrap();
        assert_eq!(bytes.len(), 42);
        assert_eq!(bytes[32..38], [0; 6]);
    }

    #[test]
    fn what_is_wrong_with_the_words_is_said() {
        let said = |text: &str| frame(text).unwrap_err().to_string();
        assert_eq!(said("from=x"), "from=x: want a MAC address");
        assert_eq!(
            said("colour=red"),
            "'colour=red' is no word of a packet; see weft trace --help"
        );
        assert_eq!(said("from=02:00:00:00:00:01"), "to= is missing");
        assert_eq!(
            said("hex=123"),
            "hex=123: want an even number of hex digits"
        );
        assert_eq!(
            said("hex=00 vlan=1"),
            "hex= and other words do not go together"
        );
    }
}
