//! What a fuzzer feeds: any bytes, for what the kernel sent and for a frame.

use weft_flow::{decode_key, dictionary, encode_key, kernel_accepts, parse_key};

pub use crate::kernel::fuzz::messages;

/// Takes the bytes for a frame.
///
/// # Panics
///
/// If the key of a frame is none that a kernel would send and take back, or says other than its whereabouts.
pub fn frame(bytes: &[u8]) {
    let Some(found) = crate::extract::dissect(bytes) else {
        assert!(bytes.len() < 14, "an Ethernet header is there");
        return;
    };
    assert!(found.network <= bytes.len(), "{found:?}");
    assert!(
        found
            .transport
            .is_none_or(|at| found.network < at && at < bytes.len()),
        "{found:?}"
    );
    let key = found.key;
    let mut attrs = Vec::new();
    let written = encode_key(&key, &mut attrs);
    assert_eq!(written, Ok(()), "{key:?}");
    assert_eq!(decode_key(&attrs).as_ref(), Ok(&key), "by bytes");
    assert_eq!(parse_key(&key.to_string()).as_ref(), Ok(&key), "by text");
    // What comes after the last header that is read makes no other key.
    let longer = [bytes, &[0xa5; 64]].concat();
    if let (Some(at), Some(longer)) = (found.transport, crate::extract::dissect(&longer)) {
        assert_eq!((longer.transport, longer.key), (Some(at), key.clone()));
    }
    let _ = kernel_accepts(&key, &dictionary::exact(&key));
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_message_kept_does_no_harm() {
        weft_replay::replay("netlink", super::messages);
    }

    #[test]
    fn every_frame_kept_does_no_harm() {
        weft_replay::replay("frame", super::frame);
    }
}
