//! Datagrams in pieces through a group that reads ports: one fate for all of a datagram.

use std::cell::RefCell;

use serde_json::json;
use weft_tests::frames::{Carries, Family, checksum, frame};
use weft_tests::site::Site;

use super::{Machine, dealt_with, machine, open_rules};

/// Of the pieces' contents; a multiple of 8.
const PIECE: usize = 1_000;
const ETHERNET: usize = 14;
const IPV4: usize = 20;

/// An IPv4 frame in pieces (RFC 791 §3.2).
fn pieces(whole: &[u8], id: u16) -> Vec<Vec<u8>> {
    let (head, content) = whole.split_at(ETHERNET + IPV4);
    let last = content.chunks(PIECE).count() - 1;
    let piece = |(n, content): (usize, &[u8])| {
        let mut piece = head.to_vec();
        let more = if n < last { 0x2000 } else { 0 };
        let offset = u16::try_from(n * PIECE / 8).unwrap() | more;
        let length = u16::try_from(IPV4 + content.len()).unwrap();
        piece[ETHERNET + 2..ETHERNET + 4].copy_from_slice(&length.to_be_bytes());
        piece[ETHERNET + 4..ETHERNET + 6].copy_from_slice(&id.to_be_bytes());
        piece[ETHERNET + 6..ETHERNET + 8].copy_from_slice(&offset.to_be_bytes());
        piece[ETHERNET + 10..ETHERNET + 12].fill(0);
        let sum = checksum(&piece[ETHERNET..ETHERNET + IPV4]);
        piece[ETHERNET + 10..ETHERNET + 12].copy_from_slice(&sum.to_be_bytes());
        piece.extend(content);
        piece
    };
    content.chunks(PIECE).enumerate().map(piece).collect()
}

fn is_udp_of(bytes: &[u8], id: u16) -> bool {
    bytes.get(12..14) == Some(&[0x08, 0x00])
        && bytes.get(ETHERNET + 9) == Some(&17)
        && bytes.get(ETHERNET + 4..ETHERNET + 6) == Some(&id.to_be_bytes())
}

/// The lengths of those of these frames, and of what they may become, that reach the other.
fn arrive(from: &mut Machine, to: &mut Machine, frames: &[Vec<u8>], id: u16) -> Vec<usize> {
    let seen = RefCell::new(Vec::new());
    to.plugged.peer.drain();
    for frame in frames {
        from.plugged.peer.send_raw(frame).unwrap();
    }
    dealt_with(&mut from.plugged.peer, &mut to.plugged.peer, |bytes| {
        if is_udp_of(bytes, id) {
            seen.borrow_mut().push(bytes.len());
        }
    });
    seen.into_inner()
}

#[test]
fn all_of_a_datagram_passes_or_nothing_of_it() {
    let site = Site::start("fragments").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &[]);
    // A rule that reads ports is for what has them (MidoNet's HEADER); later fragments need one of their own.
    let later = json!({ "type": "accept", "nwProto": 17, "fragmentPolicy": "nonheader" });
    let mut b = machine(&site, &network, 2, &[open_rules(), vec![later]].concat());
    site.sync().unwrap();
    let payload = vec![7; 2_500];
    let datagram = |port, id| {
        let carries = Carries::Udp(4_000, port);
        pieces(
            &frame(Family::V4, &a.station, &b.station, carries, &payload).unwrap(),
            id,
        )
    };
    let (open, shut) = (datagram(53, 1), datagram(54, 2));
    let (alone, later) = (datagram(53, 3), datagram(53, 4));
    let sizes: Vec<usize> = open.iter().map(Vec::len).collect();
    assert_eq!(sizes.len(), 3);
    // Twice: the first time flows are made.
    for _ in 0..2 {
        let mut came = arrive(&mut a, &mut b, &open, 1);
        came.sort_unstable_by(|one, other| other.cmp(one));
        assert_eq!(came, sizes, "in pieces of the size in which they came");
        assert!(arrive(&mut a, &mut b, &shut, 2).is_empty());
    }
    assert!(arrive(&mut a, &mut b, &alone[..1], 3).is_empty());
    assert!(arrive(&mut a, &mut b, &later[1..], 4).is_empty());
}
