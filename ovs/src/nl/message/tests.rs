//! Messages of both protocols, and bytes that are none.

use super::{Body, Header, MessageError, Messages, close, open};
use crate::nl::prefix::{Netfilter, Ovs, Prefix};

fn message<P: Prefix>(kind: u16, prefix: P, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        kind,
        flags: 0,
        seq: 7,
        prefix,
    };
    let mut out = Vec::new();
    let open = open(&mut out, &header);
    out.extend_from_slice(payload);
    close(&mut out, open);
    out
}

/// What the only message of some bytes says: its type, prefix, and how many bytes of attributes.
fn answer<P: Prefix>(bytes: &[u8]) -> (u16, P, usize) {
    let mut messages = Messages::<P>::new(bytes);
    let message = messages.next().unwrap().unwrap();
    assert!(messages.next().is_none());
    assert_eq!(message.seq, 7);
    match message.body {
        Body::Answer {
            kind,
            prefix,
            attrs,
        } => {
            let attrs = attrs.map(|attr| attr.unwrap().payload.len() + 4);
            (kind, prefix, attrs.sum())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_protocol_has_its_own_header_before_the_attributes() {
    let attr = [8, 0, 1, 0, 1, 2, 3, 4];
    let ovs = Ovs {
        command: 3,
        version: 1,
        dp_ifindex: 0x0102_0304,
    };
    let bytes = message(33, ovs, &attr);
    assert_eq!(bytes.len(), 16 + 8 + 8);
    assert_eq!(answer::<Ovs>(&bytes), (33, ovs, 8));
    let netfilter = Netfilter { family: 10 };
    let bytes = message(0x0101, netfilter, &attr);
    assert_eq!(bytes.len(), 16 + 4 + 8);
    assert_eq!(bytes[16..20], [10, 0, 0, 0]);
    assert_eq!(answer::<Netfilter>(&bytes), (0x0101, netfilter, 8));
}

#[test]
fn a_message_that_is_shorter_than_its_protocols_header_is_an_error() {
    let short = message(33, Netfilter { family: 2 }, &[]);
    let error = Messages::<Ovs>::new(&short).next().unwrap().unwrap_err();
    let wanted = MessageError::Payload {
        kind: 33,
        length: 4,
    };
    assert_eq!(error, wanted);
    let cut = Messages::<Netfilter>::new(&short[..18]).next().unwrap();
    assert!(matches!(cut, Err(MessageError::Length { .. })), "{cut:?}");
}
