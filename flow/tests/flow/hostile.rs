//! Bytes that no kernel would send.

use proptest::collection::vec;
use proptest::prelude::*;
use weft_flow::attr::PutAttr;
use weft_flow::fuzz;
use weft_flow::{encode_actions, encode_key, encode_mask};

use crate::generate;

/// Bytes that are near to being attributes.
fn attributes() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![Just(0), Just(2), Just(4), Just(12), Just(40), 0..50usize];
    let leaf = (prop_oneof![0..40u16, any::<u16>()], length)
        .prop_flat_map(|(kind, length)| (Just(kind), vec(any::<u8>(), length)))
        .prop_map(|(kind, payload)| put(kind, &payload));
    let tree = leaf.prop_recursive(4, 32, 6, |inner| {
        let nesting = prop_oneof![
            Just(1u16),
            Just(3),
            Just(12),
            Just(16),
            Just(20),
            Just(21),
            0..30u16
        ];
        (nesting, vec(inner, 0..6)).prop_map(|(kind, nested)| put(kind, &nested.concat()))
    });
    vec(tree, 0..8).prop_map(|attrs| attrs.concat())
}

fn put(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_bytes(kind, payload).expect("short");
    out
}

/// Changes some bytes, and cuts.
fn mutate(mut bytes: Vec<u8>, changes: &[(prop::sample::Index, u8)], cut: bool) -> Vec<u8> {
    if bytes.is_empty() {
        return bytes;
    }
    for (at, byte) in changes {
        let at = at.index(bytes.len());
        bytes[at] ^= byte;
    }
    if cut && let Some((at, _)) = changes.first() {
        bytes.truncate(at.index(bytes.len()));
    }
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..300)) {
        fuzz::one(&bytes);
    }

    #[test]
    fn any_attributes_do_no_harm(bytes in attributes()) {
        fuzz::one(&bytes);
    }

    #[test]
    fn a_changed_key_does_no_harm(key in generate::key_with_unknown(), changes in changes(), cut in any::<bool>()) {
        let mut bytes = Vec::new();
        encode_key(&key, &mut bytes)?;
        fuzz::one(&mutate(bytes, &changes, cut));
    }

    #[test]
    fn a_changed_mask_does_no_harm((key, mask) in generate::key_and_mask(), changes in changes(), cut in any::<bool>()) {
        let mut bytes = vec![0];
        encode_key(&key, &mut bytes)?;
        bytes[0] = u8::try_from(bytes.len() / 4).unwrap_or(0);
        let mut masked = Vec::new();
        encode_mask(&mask, &key, &mut masked)?;
        bytes.extend(mutate(masked, &changes, cut));
        fuzz::one(&bytes);
    }

    #[test]
    fn changed_actions_do_no_harm(actions in generate::actions(), changes in changes(), cut in any::<bool>()) {
        let mut bytes = Vec::new();
        encode_actions(&actions, &mut bytes)?;
        fuzz::one(&mutate(bytes, &changes, cut));
    }

    #[test]
    fn a_changed_text_does_no_harm(key in generate::key(), actions in generate::actions(), changes in changes(), cut in any::<bool>()) {
        let ascii: Vec<_> = changes.into_iter().map(|(at, byte)| (at, byte & 0x1f)).collect();
        fuzz::one(&mutate(key.to_string().into_bytes(), &ascii, cut));
        fuzz::one(&mutate(weft_flow::Actions(&actions).to_string().into_bytes(), &ascii, cut));
    }
}
