//! What fuzzers call: plain functions over bytes that panic when a promise is
//! broken, so that a stable toolchain can replay a corpus as a test.

use crate::decode::{Frame, Limits, Oversize};
use crate::session::{ClientConfig, ClientSession, End, Instant, Statistics};
use core::fmt::{self, Write};

/// Decodes a stream twice, at once and chopped up, and demands the same outcome.
///
/// The first four bytes choose the window, the chunks and the limits; the rest
/// is the stream.
pub fn decode(data: &[u8]) {
    let Some((&[window, chunks, seed, limits], stream)) = data.split_first_chunk() else {
        return;
    };
    let window = 64 + usize::from(window);
    let limits = match limits {
        0 => Limits::DEFAULT,
        small => Limits {
            record: 16 * u32::from(small),
            request: 8 * u32::from(small),
            message: 4 * u32::from(small),
        },
    };
    let mut state = u32::from(seed) | 0x100;
    let chopped = run(stream, window, limits, || {
        // xorshift32: any sequence of sizes will do.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        1 + state as usize % (1 + usize::from(chunks))
    });
    let whole = run(stream, stream.len().max(64), limits, || stream.len());
    assert_eq!(chopped, whole, "window {window}, chunks to {chunks}");
}

/// What must not depend on window and chunks.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// Of all whole messages, pieces joined.
    digest: u64,
    /// Units, which is nulls owed; how many went out before an end that came
    /// with other bytes is a matter of chunks.
    received: u64,
    statistics: Statistics,
    end: End,
}

fn run(stream: &[u8], window: usize, limits: Limits, mut chunk: impl FnMut() -> usize) -> Outcome {
    let config = ClientConfig {
        window,
        limits,
        oversize: Oversize::Pieces,
        ahead: u32::MAX,
        ..ClientConfig::default()
    };
    let now = Instant::default();
    let mut session = ClientSession::new(config, now).expect("64 bytes are enough");
    let mut transcript = Transcript::default();
    let (mut start, mut end) = (0, 0);
    // A step consumes a byte, begins or ends something of at least a byte, or
    // asks for more, of which there is at least one.
    let mut steps = 8 + 8 * stream.len();
    let end = 'session: loop {
        loop {
            steps = steps.checked_sub(1).expect("steps are bounded");
            let input = &stream[start..end];
            let step = match session.step(input, now) {
                Ok(step) => step,
                Err(end) => break 'session end,
            };
            if let Some(frame) = &step.frame {
                transcript.add(frame, input);
            }
            start += step.consumed;
            if step.consumed == 0 && step.frame.is_none() {
                break;
            }
        }
        while session.poll_transmit(&mut [0; 24], now) > 0 {}
        assert_eq!(session.acknowledged(), session.received());
        if end == stream.len() {
            break session.handle_eof();
        }
        let room = start + window;
        assert!(end < room, "a full window is always enough");
        end = (end + chunk().max(1)).min(room).min(stream.len());
    };
    Outcome {
        digest: transcript.whole.0,
        received: session.received(),
        statistics: *session.statistics(),
        end,
    }
}

/// FNV-1a: good enough to tell transcripts apart without an allocator.
#[derive(Clone, Copy)]
struct Digest(u64);

impl Digest {
    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.as_bytes());
        Ok(())
    }
}

/// What was received, whatever it came in.
struct Transcript {
    whole: Digest,
    /// With the message in pieces added.
    pieces: Digest,
}

impl Default for Transcript {
    fn default() -> Self {
        let empty = Digest(0xcbf2_9ce4_8422_2325);
        Self {
            whole: empty,
            pieces: empty,
        }
    }
}

impl Transcript {
    fn add(&mut self, frame: &Frame, input: &[u8]) {
        let pieces = &mut self.pieces;
        match frame {
            Frame::Message { head, body } => {
                let _ = write!(pieces, "{head:?} {}", body.len);
                pieces.add(body.of(input));
            }
            Frame::Begin { head, length } => {
                let _ = write!(pieces, "{head:?} {length}");
                return;
            }
            Frame::Chunk { body } => return pieces.add(body.of(input)),
            Frame::End => {}
            Frame::BundleBegin { .. } | Frame::Skipped { .. } | Frame::BundleEnd => {
                let _ = write!(pieces, "{frame:?}");
            }
        }
        self.whole = self.pieces;
    }
}
