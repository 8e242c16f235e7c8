//! The codec against one that was generated from the kernel's own description of these families.
//!
//! Each writes, the other reads. The other codec has no `drop` action, and keeps conntrack tuples of IPv6,
//! labels and addresses of translations as bytes; those are laid out here by hand.

mod actions;
mod key;

use netlink_bindings::ovs_flow::KeyAttrs;
use proptest::prelude::*;
use weft_flow::{
    Action, Field, FlowKey, decode_actions, decode_key, decode_mask, encode_actions, encode_key,
    encode_mask,
};

use crate::generate;

/// A list of actions without those that the other codec does not have.
fn known(actions: &mut Vec<Action>) {
    actions.retain(|action| !matches!(action, Action::Drop(_) | Action::Unknown(_)));
    for action in actions {
        match action {
            Action::Clone(nested) => known(nested),
            Action::CheckPktLen {
                greater,
                less_or_equal,
                ..
            } => {
                known(greater);
                known(less_or_equal);
            }
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn another_codec_reads_the_keys_written_here(key in generate::key()) {
        let mut bytes = Vec::new();
        encode_key(&key, &mut bytes)?;
        prop_assert_eq!(key::read(KeyAttrs::new(&bytes)), key);
    }

    #[test]
    fn keys_that_another_codec_wrote_are_read_here(key in generate::key()) {
        prop_assert_eq!(decode_key(&key::write(&key)), Ok(key));
    }

    #[test]
    fn another_codec_reads_the_masks_written_here((mut key, mut mask) in generate::key_and_mask()) {
        key.unknown.clear();
        mask.unknown.clear();
        // A mask of both families is written as one of IPv6.
        for field in [Field::TunV4Src, Field::TunV4Dst, Field::TunV6Src, Field::TunV6Dst] {
            if !key.has(field) {
                mask.set(field, 0);
            }
        }
        let mut bytes = Vec::new();
        encode_mask(&mask, &key, &mut bytes)?;
        let read = key::read(KeyAttrs::new(&bytes));
        for (field, bits) in mask.fields().filter(|&(field, _)| key.has(field)) {
            prop_assert_eq!(read.get(field), Some(bits), "{:?}", field);
        }
        for (field, bits) in read.fields() {
            prop_assert_eq!(mask.get(field), bits, "{:?}", field);
        }
        prop_assert_eq!(read.tunnel_options, mask.tunnel_options);
    }

    #[test]
    fn masks_that_another_codec_wrote_are_read_here((mut key, mut mask) in generate::key_and_mask()) {
        key.unknown.clear();
        mask.unknown.clear();
        let mut bits = FlowKey::new();
        for field in Field::ALL.iter().copied().filter(|&field| key.has(field)) {
            bits.set(field, mask.get(field));
        }
        bits.tunnel_options.clone_from(&mask.tunnel_options);
        prop_assert_eq!(decode_mask(&key::write_like(&bits, &key), &key), Ok(mask));
    }

    #[test]
    fn another_codec_reads_the_actions_written_here(mut list in generate::actions()) {
        known(&mut list);
        let mut bytes = Vec::new();
        encode_actions(&list, &mut bytes)?;
        prop_assert_eq!(actions::read(&bytes), list);
    }

    #[test]
    fn actions_that_another_codec_wrote_are_read_here(mut list in generate::actions()) {
        known(&mut list);
        prop_assert_eq!(decode_actions(&actions::write(&list)), Ok(list));
    }
}
