//! What a fuzzer feeds: any bytes, as the words of a packet, as a captured frame and as a capture file.

use std::path::Path;

use weft_wire::control::CapturedFrame;

use crate::capture_file::{self, CaptureError};
use crate::{frame, frame_text};

/// Takes the bytes for the words of `weft trace`, and for a frame that `weft capture` shows.
///
/// # Panics
///
/// If words make a frame of another kind than they say.
pub fn words(bytes: &[u8]) {
    let shown = CapturedFrame {
        time: 0,
        is_in: true,
        length: 0,
        frame: String::new(),
        lost: 0,
    };
    let _ = frame_text::line(&shown, bytes);
    let text = String::from_utf8_lossy(bytes);
    let _ = frame_text::bytes_of(&text);
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let Ok(made) = frame::from_words(&words) else {
        return;
    };
    if !words.iter().any(|word| word.starts_with("hex=")) {
        let line = frame_text::line(&shown, &made);
        assert!(
            made.len() >= 42 && !line.contains("not understood"),
            "{line}"
        );
    }
    let hex: String = made.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(frame::from_words(&[format!("hex={hex}")]), Ok(made));
}

/// Takes the bytes for a capture file.
///
/// # Panics
///
/// If a frame that is read has another number than it is asked for by.
pub fn capture(bytes: &[u8]) {
    let read = |only| {
        let mut frames = Vec::new();
        let outcome = capture_file::read_from(bytes, Path::new("x.pcap"), only, |frame| {
            frames.push(frame);
            Ok::<(), CaptureError>(())
        });
        outcome.map(|()| frames)
    };
    let Ok(frames) = read(None) else { return };
    for (frame, number) in frames.iter().zip(1..) {
        assert_eq!(frame.number, number);
    }
    if let Some(last) = frames.last() {
        assert!(read(Some(last.number)).is_ok_and(|only| only == [last.clone()]));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn all_words_kept_do_no_harm() {
        weft_replay::replay("words", super::words);
    }

    #[test]
    fn every_capture_kept_does_no_harm() {
        weft_replay::replay("capture", super::capture);
    }
}
