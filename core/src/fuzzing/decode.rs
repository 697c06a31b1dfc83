//! However a stream is chopped up, it means the same.

use super::account::Account;
use crate::decode::{Frame, Limits, Oversize, Step};
use crate::session::{
    ClientConfig, ClientSession, End, Instant, ServerConfig, ServerSession, Statistics,
};
use crate::wire::{DataForm, Expected, RecordLength};
use core::fmt::{self, Write};

/// Decodes a stream at once and chopped up, at both ends, and demands the same
/// outcome; follows every byte through the decoder, in pieces and left out.
///
/// The first four bytes choose the window, the chunks, what is known of the
/// records, and the limits; the rest is the stream.
pub fn decode(data: &[u8]) {
    let Some((&[window, chunks, seed, limits], stream)) = data.split_first_chunk() else {
        return;
    };
    let window = 64 + usize::from(window);
    let all = stream.len().max(64);
    let limits = match limits {
        0 => Limits::DEFAULT,
        small => Limits {
            record: 16 * u32::from(small),
            request: 8 * u32::from(small),
            message: 4 * u32::from(small),
        },
    };
    let shape = Shape {
        window: all,
        limits,
        oversize: Oversize::Pieces,
        chunks: usize::MAX,
        seed: u32::from(seed) | 0x100,
        record_length: RecordLength::ALL[usize::from(seed >> 6)],
        expected: EXPECTED[usize::from(seed % 7)],
    };
    let small = Shape {
        window,
        chunks: 1 + usize::from(chunks),
        ..shape
    };
    let chopped = run(client(small), stream, small);
    assert_eq!(chopped, run(client(shape), stream, shape), "{small:?}");
    let skipping = Shape {
        oversize: Oversize::Skip,
        ..small
    };
    run(client(skipping), stream, skipping);
    // A server understands some requests only if it sees them whole.
    let chopped = Shape {
        chunks: small.chunks,
        ..shape
    };
    let whole = run(server(shape), stream, shape);
    assert_eq!(run(server(chopped), stream, chopped), whole, "{chopped:?}");
}

/// How a stream is read.
#[derive(Debug, Clone, Copy)]
struct Shape {
    window: usize,
    limits: Limits,
    oversize: Oversize,
    /// Bytes of a chunk, at most.
    chunks: usize,
    seed: u32,
    record_length: RecordLength,
    expected: Option<Expected>,
}

/// All that may be known of a request.
const EXPECTED: [Option<Expected>; 7] = {
    use DataForm::{Json, Opaque, Text};
    const fn some(extended: bool, form: DataForm) -> Option<Expected> {
        Some(Expected { extended, form })
    }
    [
        None,
        some(true, Json),
        some(true, Text),
        some(true, Opaque),
        some(false, Json),
        some(false, Text),
        some(false, Opaque),
    ]
};

impl Shape {
    /// The next chunk, at least a byte: any sequence of sizes will do.
    fn chunk(&mut self) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 17;
        self.seed ^= self.seed << 5;
        match self.chunks {
            usize::MAX => usize::MAX,
            most => 1 + self.seed as usize % most,
        }
    }
}

fn client(shape: Shape) -> ClientSession {
    let config = ClientConfig {
        window: shape.window,
        limits: shape.limits,
        oversize: shape.oversize,
        ahead: u32::MAX,
        record_length: shape.record_length,
        expected: shape.expected,
        ..ClientConfig::default()
    };
    ClientSession::new(config, NOW).expect("64 bytes are enough")
}

/// A server with bundles out, so that nulls matter.
fn server(shape: Shape) -> ServerSession {
    let config = ServerConfig {
        window: shape.window,
        limits: shape.limits,
        unacknowledged: 3,
        ..ServerConfig::default()
    };
    let mut server = ServerSession::new(config, NOW).expect("64 bytes are enough");
    server.accept(NOW);
    while server.next_bundle(NOW).is_some() {}
    server
}

const NOW: Instant = Instant(0);

/// The part of a session that is compared.
trait Session {
    /// Whether its frames are the decoder's; a server corrects them.
    const PLAIN: bool;
    fn step(&mut self, input: &[u8]) -> Result<Step, End>;
    fn settle(&mut self) {}
    fn end(&mut self) -> End;
    fn units(&self) -> u64;
    fn statistics(&self) -> Statistics;
}

impl Session for ClientSession {
    const PLAIN: bool = true;

    fn step(&mut self, input: &[u8]) -> Result<Step, End> {
        self.step(input, NOW)
    }

    fn settle(&mut self) {
        while self.poll_transmit(&mut [0; 24], NOW) > 0 {}
        assert_eq!(self.acknowledged(), self.received(), "each unit, once");
    }

    fn end(&mut self) -> End {
        self.handle_eof()
    }

    fn units(&self) -> u64 {
        self.received()
    }

    fn statistics(&self) -> Statistics {
        *self.statistics()
    }
}

impl Session for ServerSession {
    const PLAIN: bool = false;

    fn step(&mut self, input: &[u8]) -> Result<Step, End> {
        self.step(input, NOW)
    }

    fn end(&mut self) -> End {
        self.handle_eof()
    }

    fn units(&self) -> u64 {
        u64::from(self.credit())
    }

    fn statistics(&self) -> Statistics {
        *self.statistics()
    }
}

/// What must not depend on window and chunks.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// Of all whole messages, pieces joined.
    digest: u64,
    /// Units received by a client, credit left to a server.
    units: u64,
    statistics: Statistics,
    end: End,
}

fn run<S: Session>(mut session: S, stream: &[u8], mut shape: Shape) -> Outcome {
    let mut account = Account::new(shape.limits, shape.oversize, shape.window);
    let mut transcript = Transcript::default();
    let (mut start, mut end) = (0, 0);
    // A step consumes a byte, begins or ends something of at least a byte, or
    // asks for more, of which there is at least one.
    let mut steps = 8 + 8 * stream.len();
    let end = 'session: loop {
        loop {
            steps = steps.checked_sub(1).expect("steps are bounded");
            let input = &stream[start..end];
            let step = match session.step(input) {
                Ok(step) => step,
                Err(end) => break 'session end,
            };
            if S::PLAIN {
                account.step(&step);
            }
            if let Some(frame) = &step.frame {
                transcript.add(frame, input);
            }
            start += step.consumed;
            if step.consumed == 0 && step.frame.is_none() {
                break;
            }
        }
        session.settle();
        if end == stream.len() {
            break session.end();
        }
        let room = start + shape.window;
        assert!(end < room, "a full window is always enough");
        end = end
            .saturating_add(shape.chunk())
            .min(room)
            .min(stream.len());
    };
    Outcome {
        digest: transcript.whole.0,
        units: session.units(),
        statistics: session.statistics(),
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
