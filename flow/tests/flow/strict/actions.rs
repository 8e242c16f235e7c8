//! Actions: what is refused, and what is kept as it came.

use weft_flow::attr::AttrError;
use weft_flow::codec::{DecodeError, EncodeError, MAX_DEPTH};
use weft_flow::{Action, Header, decode_actions, encode_actions, parse_actions};

use super::attrs;

#[test]
fn an_unknown_action_and_a_known_one_with_an_unknown_part_are_kept_byte_for_byte() {
    let ct = attrs(&[(1, &[]), (2, &[1, 0]), (77, &[9])]);
    let sample = attrs(&[(1, &[0, 0, 0, 128]), (2, &attrs(&[(1, &[3, 0, 0, 0])]))]);
    let mpls = attrs(&[(21, &[0, 6, 65, 64])]);
    let bytes = attrs(&[(12, &ct), (6, &sample), (3, &mpls), (16, &[])]);
    let actions = decode_actions(&bytes).unwrap();
    assert!(
        actions
            .iter()
            .all(|action| matches!(action, Action::Unknown(_)))
    );
    let mut again = Vec::new();
    encode_actions(&actions, &mut again).unwrap();
    assert_eq!(again, bytes);
}

#[test]
fn actions_that_are_not_whole_are_refused() {
    let both = attrs(&[(2, &[0; 4]), (15, &[0; 4])]);
    let outside = attrs(&[(15, &[1, 0, 0, 0, 2, 0, 0, 0])]);
    let directions = attrs(&[(1, &[]), (2, &[])]);
    let mixed = attrs(&[(1, &[]), (3, &[0; 4]), (4, &[0; 16])]);
    let cases = [
        (
            attrs(&[(1, &[0; 3])]),
            AttrError::PayloadLength {
                kind: 1,
                length: 3,
                expected: 4,
            }
            .into(),
        ),
        (
            attrs(&[(2, &[])]),
            DecodeError::Missing {
                action: 2,
                missing: 1,
            },
        ),
        (attrs(&[(3, &[])]), DecodeError::SetOfSeveral),
        (attrs(&[(3, &both)]), DecodeError::SetOfSeveral),
        (
            attrs(&[(11, &outside)]),
            DecodeError::ValueOutsideMask {
                header: Header::SkbMark,
            },
        ),
        (
            attrs(&[(21, &attrs(&[(1, &[100, 0])]))]),
            DecodeError::Missing {
                action: 21,
                missing: 2,
            },
        ),
        (
            attrs(&[(12, &attrs(&[(6, &directions)]))]),
            DecodeError::Nat("both source and destination"),
        ),
        (
            attrs(&[(12, &attrs(&[(6, &mixed)]))]),
            DecodeError::Nat("a range from IPv4 to IPv6"),
        ),
        (
            attrs(&[(12, &attrs(&[(6, &attrs(&[(5, &[1, 0])]))]))]),
            DecodeError::Nat("a range or option, but no direction"),
        ),
        (
            attrs(&[(12, &attrs(&[(6, &attrs(&[(1, &[]), (4, &[0; 4])]))]))]),
            DecodeError::Nat("an upper bound without a lower one"),
        ),
    ];
    for (bytes, error) in cases {
        assert_eq!(decode_actions(&bytes), Err(error));
    }
}

#[test]
fn actions_nested_without_end_are_refused_both_ways() {
    let (mut bytes, mut actions) = (Vec::new(), Vec::new());
    for _ in 0..MAX_DEPTH {
        bytes = attrs(&[(20, &bytes)]);
        actions = vec![Action::Clone(actions)];
    }
    assert_eq!(decode_actions(&bytes).as_ref(), Ok(&actions));
    encode_actions(&actions, &mut Vec::new()).unwrap();
    assert_eq!(
        decode_actions(&attrs(&[(20, &bytes)])),
        Err(DecodeError::TooDeep)
    );
    assert_eq!(
        encode_actions(&[Action::Clone(actions)], &mut Vec::new()),
        Err(EncodeError::TooDeep)
    );
}

#[test]
fn a_set_of_a_whole_header_is_plain_and_one_of_a_part_masked() {
    let kinds = |text| {
        let mut bytes = Vec::new();
        encode_actions(&parse_actions(text).unwrap(), &mut bytes).unwrap();
        bytes[2]
    };
    assert_eq!(
        kinds("set(eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02))"),
        3
    );
    assert_eq!(kinds("set(eth(dst=02:00:00:00:00:02))"), 11);
    assert_eq!(kinds("set(ipv4(src=1.2.3.4,dst=1.2.3.5,tos=0,ttl=9))"), 11);
}
