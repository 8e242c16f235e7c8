//! What is read of an entry, and what of a bad one.

use proptest::collection;
use proptest::prelude::{any, proptest};
use weft_flow::attr::{Attrs, NESTED, PutAttr};

use super::super::uapi::attr;
use super::{both_ways, decode, encode_mark, encode_name};
use crate::conntrack::{Bits, Part, TcpState, Tuple};

fn tuple(addresses: [&str; 2], protocol: u8, part: Part) -> Tuple {
    let [source, destination] = addresses.map(|address| address.parse().unwrap());
    Tuple {
        source,
        destination,
        protocol,
        part,
    }
}

const PORTS: Part = Part::Ports {
    source: 4000,
    destination: 53,
};

/// An entry with that tuple in both directions.
fn entry(tuple: &Tuple) -> Vec<u8> {
    let mut out = Vec::new();
    encode_name(5, tuple, &mut out).unwrap();
    both_ways(out)
}

#[test]
fn a_tuple_is_read_as_it_was_written() {
    let echo = |kind| Part::Icmp {
        identifier: 9,
        kind,
        code: 0,
    };
    for tuple in [
        tuple(["192.0.2.1", "192.0.2.2"], 17, PORTS),
        tuple(["2001:db8::1", "2001:db8::2"], 6, PORTS),
        tuple(["192.0.2.1", "192.0.2.2"], 1, echo(8)),
        tuple(["2001:db8::1", "2001:db8::2"], 58, echo(128)),
        tuple(["192.0.2.1", "192.0.2.2"], 253, Part::Nothing),
    ] {
        let entry = decode(Attrs::new(&entry(&tuple))).unwrap();
        assert_eq!((entry.zone, entry.original, entry.reply), (5, tuple, tuple));
    }
}

#[test]
fn what_is_not_known_is_passed_over_also_within() {
    let udp = tuple(["192.0.2.1", "192.0.2.2"], 17, PORTS);
    let mut bytes = entry(&udp);
    bytes.put_array(77, &[1, 2, 3]);
    let protoinfo = bytes.begin(attr::PROTOINFO | NESTED);
    bytes.put_u8(9, 1);
    let tcp = bytes.begin(1 | NESTED);
    bytes.put_u8(1, 42);
    bytes.put_array(5, &[0; 3]);
    bytes.end(tcp).unwrap();
    bytes.end(protoinfo).unwrap();
    let timestamp = bytes.begin(attr::TIMESTAMP | NESTED);
    bytes.put_array(2, &[0xff; 8]);
    bytes.put_array(1, &1_700_000_000_000_000_001_u64.to_be_bytes());
    bytes.end(timestamp).unwrap();
    let entry = decode(Attrs::new(&bytes)).unwrap();
    assert_eq!(entry.original, udp);
    assert_eq!(entry.tcp_state, Some(TcpState::Other(42)));
    let began = std::time::Duration::new(1_700_000_000, 1);
    assert_eq!(entry.began, Some(began));
    assert_eq!((entry.mark, entry.timeout, entry.counters), (0, None, None));
}

#[test]
fn an_entry_that_is_cut_or_lacks_a_direction_is_an_error() {
    let udp = tuple(["192.0.2.1", "192.0.2.2"], 17, PORTS);
    let bytes = entry(&udp);
    for length in 1..bytes.len() {
        assert!(decode(Attrs::new(&bytes[..length])).is_err(), "{length}");
    }
    let mut short = bytes.clone();
    short.put_array(attr::MARK, &[1, 2]);
    assert!(decode(Attrs::new(&short)).is_err());
}

#[test]
fn bits_outside_of_a_marks_mask_are_not_sent() {
    let mut bytes = Vec::new();
    let bits = Bits {
        value: 0xffff_ffff,
        mask: 0x8000_0000,
    };
    encode_mark(bits, &mut bytes);
    let sent: Vec<_> = Attrs::new(&bytes)
        .map(|attr| attr.unwrap().be32().unwrap())
        .collect();
    assert_eq!(sent, [0x8000_0000, 0x8000_0000]);
}

proptest! {
    #[test]
    fn no_bytes_are_a_panic(bytes in collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(Attrs::new(&bytes));
    }

    #[test]
    fn no_changed_entry_is_a_panic(at in 0..100_usize, to in any::<u8>()) {
        let mut bytes = entry(&tuple(["192.0.2.1", "192.0.2.2"], 17, PORTS));
        let at = at % bytes.len();
        bytes[at] = to;
        let _ = decode(Attrs::new(&bytes));
    }
}
