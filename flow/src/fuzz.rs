//! What a fuzzer feeds: any bytes, through every decoder, parser and back.

use crate::text::{Actions, Flow};
use crate::{
    Action, DecodeError, EncodeError, FlowKey, Ufid, decode_actions, decode_key, decode_mask,
    dictionary, encode_actions, encode_key, encode_mask, kernel_accepts, parse_actions, parse_flow,
    parse_key,
};

/// Takes the bytes for a key, for actions, for a text, and, split in two, for a key and its mask.
///
/// # Panics
///
/// If something that was read is written and read again as something else: that is the bug to find.
pub fn one(bytes: &[u8]) {
    if let Ok(key) = decode_key(bytes) {
        one_key(&key);
    }
    if let Ok(actions) = decode_actions(bytes) {
        one_list(&actions);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        one_text(text);
    }
    if let Some((&at, rest)) = bytes.split_first()
        && let Some((key, mask)) = rest.split_at_checked(usize::from(at) * 4)
        && let Ok(key) = decode_key(key)
    {
        one_mask(&key, mask);
    }
}

fn one_key(key: &FlowKey) {
    let mut bytes = Vec::new();
    match encode_key(key, &mut bytes) {
        Ok(()) => assert_eq!(decode_key(&bytes).as_ref(), Ok(key), "by bytes"),
        Err(error) => assert!(matches!(error, EncodeError::TooLong(_)), "{error}"),
    }
    assert_eq!(parse_key(&key.to_string()).as_ref(), Ok(key), "by text");
    let mask = dictionary::exact(key);
    let _ = (Ufid::of(key, &mask), kernel_accepts(key, &mask));
    assert!(mask.agree(key, key));
}

fn one_mask(key: &FlowKey, bytes: &[u8]) {
    let Ok(mask) = decode_mask(bytes, key) else {
        return;
    };
    let mut again = Vec::new();
    match encode_mask(&mask, key, &mut again) {
        Ok(()) => match decode_mask(&again, key) {
            Ok(read) => assert_eq!(read, mask, "by bytes"),
            Err(error) => assert!(matches!(error, DecodeError::Attr(_)), "{error}"),
        },
        Err(error) => assert!(
            matches!(
                error,
                EncodeError::TooLong(_) | EncodeError::MaskWithoutKey { .. }
            ),
            "{error}"
        ),
    }
    let flow = Flow { key, mask: &mask };
    let _ = (
        flow.to_string(),
        format!("{flow:#}"),
        kernel_accepts(key, &mask),
    );
    let fitted = dictionary::fit(key, &mask);
    assert!(fitted.covers(&mask.resolved(key)), "{mask:?} by {fitted:?}");
}

fn one_list(actions: &[Action]) {
    let mut bytes = Vec::new();
    match encode_actions(actions, &mut bytes) {
        Ok(()) => assert_eq!(decode_actions(&bytes).as_deref(), Ok(actions), "by bytes"),
        Err(error) => assert!(matches!(error, EncodeError::TooLong(_)), "{error}"),
    }
    // A helper's name may have any characters, so that not every list has a text.
    let _ = parse_actions(&Actions(actions).to_string());
}

fn one_text(text: &str) {
    if let Ok(key) = parse_key(text) {
        one_key_of_text(&key);
    }
    if let Ok((key, mask)) = parse_flow(text) {
        let flow = Flow {
            key: &key,
            mask: &mask,
        };
        let again = format!("{flow:#}");
        assert!(parse_flow(&again).is_ok(), "{again}");
    }
    if let Ok(actions) = parse_actions(text) {
        let again = Actions(&actions).to_string();
        assert_eq!(parse_actions(&again), Ok(actions), "{again}");
    }
}

/// A text can name more than a kernel's key has, such as two headers that exclude each other.
fn one_key_of_text(key: &FlowKey) {
    assert_eq!(parse_key(&key.to_string()).as_ref(), Ok(key), "by text");
    let _ = encode_key(key, &mut Vec::new());
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_input_kept_does_no_harm() {
        weft_replay::replay("flow", super::one);
    }
}
