//! The result of decoding does not depend on how the stream is split.

use super::account::Account;
use super::stream::{Session, feed};
use super::transcript::Transcript;
use crate::decode::{Limits, Oversize};
use crate::session::{
    ClientConfig, ClientSession, End, Instant, ServerConfig, ServerSession, Statistics,
};
use crate::wire::{DataForm, Expected, RecordLength};

/// Decodes a stream at once and in chunks, at both ends, and asserts the same
/// outcome. Accounts for every byte, also of messages in pieces and skipped ones.
///
/// The first four bytes choose the window, the chunk size, the known form of the
/// records, and the limits. The rest is the stream.
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
    let shape = SessionShape {
        window: all,
        limits,
        oversize: Oversize::Pieces,
        chunks: usize::MAX,
        seed: u32::from(seed) | 0x100,
        record_length: RecordLength::ALL[usize::from(seed >> 6)],
        expected: EXPECTED[usize::from(seed % 7)],
    };
    let small = SessionShape {
        window,
        chunks: 1 + usize::from(chunks),
        ..shape
    };
    let split = run(client(small), stream, small);
    assert_eq!(split, run(client(shape), stream, shape), "{small:?}");
    let skipping = SessionShape {
        oversize: Oversize::Skip,
        ..small
    };
    run(client(skipping), stream, skipping);
    // A server accepts some requests only if they fit into its window.
    let split = SessionShape {
        chunks: small.chunks,
        ..shape
    };
    let whole = run(server(shape), stream, shape);
    assert_eq!(run(server(split), stream, split), whole, "{split:?}");
}

/// How a stream is fed to a session.
#[derive(Debug, Clone, Copy)]
struct SessionShape {
    window: usize,
    limits: Limits,
    oversize: Oversize,
    /// Largest chunk, in bytes.
    chunks: usize,
    seed: u32,
    record_length: RecordLength,
    expected: Option<Expected>,
}

/// Every possible form of the records.
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

impl SessionShape {
    /// The size of the next chunk, at least 1. The sequence is pseudo-random.
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

fn client(shape: SessionShape) -> ClientSession {
    let config = ClientConfig {
        limits: shape.limits,
        oversize: shape.oversize,
        ahead: u32::MAX,
        record_length: shape.record_length,
        expected: shape.expected,
        ..ClientConfig::default()
    };
    ClientSession::new(shape.window, config, NOW).expect("64 bytes are enough")
}

const NOW: Instant = Instant(0);

/// A server with unacknowledged bundles, so that nulls count.
fn server(shape: SessionShape) -> ServerSession {
    let config = ServerConfig {
        limits: shape.limits,
        unacknowledged: 3,
        ..ServerConfig::default()
    };
    let mut server = ServerSession::new(shape.window, config, NOW).expect("64 bytes are enough");
    server.accept(NOW);
    while server.next_bundle(NOW).is_some() {}
    server
}

/// The outcome, which must not depend on window and chunks.
#[derive(Debug, PartialEq)]
struct SessionOutcome {
    /// A digest of all complete messages.
    digest: u64,
    /// Units received by a client; credit of a server.
    units: u64,
    statistics: Statistics,
    end: End,
}

fn run<S: Session>(mut session: S, stream: &[u8], mut shape: SessionShape) -> SessionOutcome {
    let mut account = Account::new(shape.limits, shape.oversize, shape.window);
    let mut transcript = Transcript::default();
    let window = shape.window;
    let end = feed(
        &mut session,
        stream,
        window,
        || shape.chunk(),
        |step, input| {
            if S::PLAIN {
                account.step(step);
            }
            if let Some(frame) = &step.frame {
                transcript.add(frame, input);
            }
        },
    );
    SessionOutcome {
        digest: transcript.digest(),
        units: session.units(),
        statistics: session.statistics(),
        end,
    }
}
