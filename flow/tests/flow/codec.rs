//! Keys, masks and actions through their netlink form and back.

use proptest::prelude::*;
use weft_flow::{
    DecodeError, Field, decode_actions, decode_key, decode_mask, encode_actions, encode_key,
    encode_mask,
};

use crate::generate;

proptest! {
    #[test]
    fn a_key_comes_back(key in generate::key_with_unknown()) {
        let mut bytes = Vec::new();
        encode_key(&key, &mut bytes)?;
        prop_assert_eq!(decode_key(&bytes), Ok(key));
    }

    #[test]
    fn a_mask_comes_back((key, mask) in generate::key_and_mask()) {
        let mut bytes = Vec::new();
        encode_mask(&mask, &key, &mut bytes)?;
        prop_assert_eq!(decode_mask(&bytes, &key), Ok(mask));
    }

    #[test]
    fn actions_come_back(actions in generate::actions()) {
        let mut bytes = Vec::new();
        encode_actions(&actions, &mut bytes)?;
        prop_assert_eq!(decode_actions(&bytes), Ok(actions));
    }

    #[test]
    fn a_key_that_is_cut_short_is_refused_or_has_fewer_fields(key in generate::key(), cut in any::<prop::sample::Index>()) {
        let mut bytes = Vec::new();
        encode_key(&key, &mut bytes)?;
        bytes.truncate(cut.index(bytes.len()));
        match decode_key(&bytes) {
            Ok(shorter) => for (field, value) in shorter.fields() {
                // Without what follows it, a tag's protocol looks like an ethertype.
 prop_assert!(field == Field::EthType || key.get(field) == Some(value));
            },
            Err(DecodeError::Attr(_)) => {}
            Err(DecodeError::PartOfTag { .. } | DecodeError::Headers(_)) => {}
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}
