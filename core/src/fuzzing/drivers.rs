//! The blocking and the async client give the same frames.

use super::Choices;
use super::transcript::Transcript;
use crate::decode::{Frame, Oversize};
use crate::io::{AsyncClient, Client, IoError, Received};
use crate::session::{ClientConfig, End, Instant};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use embedded_io_async::{ErrorKind, ErrorType};
use std::vec::Vec;

/// Runs both clients over a stream that is cut anywhere, with reads and writes that are
/// not ready or time out. With the same cuts, frames, pieces and sent bytes are the same.
/// With other cuts, the messages are.
///
/// Four bytes choose window, cuts and configuration. The rest is the stream.
pub fn drivers(data: &[u8]) {
    let Some((&[window, cut, seed, flags], stream)) = data.split_first_chunk() else {
        return;
    };
    let config = ClientConfig {
        ahead: u32::from(flags & 3),
        oversize: [Oversize::Pieces, Oversize::Skip][usize::from(flags >> 2 & 1)],
        ..ClientConfig::default()
    };
    let setup = Setup {
        config,
        window: 64 + usize::from(window),
        most: 1 + usize::from(cut),
        seed: u32::from(seed) | 0x100,
        has_pauses: flags & 8 > 0,
    };
    let blocking = run(setup, stream);
    assert_eq!(run_async(setup, stream), blocking, "{setup:?}");
    // The largest window makes no pieces.
    for most in [1, usize::MAX] {
        let other = Setup {
            most,
            window: setup.window.max(stream.len() + 64),
            ..setup
        };
        let (whole, split) = match setup.config.oversize {
            Oversize::Pieces => (run_async(other, stream), &blocking),
            // What is skipped depends on the window.
            Oversize::Skip => (run_async(other, stream), &run(other, stream)),
        };
        assert_eq!(whole.digest, split.digest, "{setup:?}, {most}");
        assert_eq!(whole.end, split.end, "{setup:?}, {most}");
    }
}

#[derive(Debug, Clone, Copy)]
struct Setup {
    config: ClientConfig,
    window: usize,
    /// The most bytes of a read or a write.
    most: usize,
    seed: u32,
    /// Whether reads and writes are not always ready.
    has_pauses: bool,
}

/// What a client returned and sent.
#[derive(Debug, PartialEq)]
struct Outcome {
    frames: Vec<(Frame, Vec<u8>)>,
    /// A digest of the complete messages.
    digest: u64,
    sent: Vec<u8>,
    end: End,
}

const NOW: Instant = Instant(0);
const REQUEST: &[u8] = b"any bytes will do";

fn run(setup: Setup, stream: &[u8]) -> Outcome {
    let mut io = Stream::new(setup, stream);
    let mut window = std::vec![0; setup.window];
    // A start is not repeated.
    io.has_pauses = false;
    let mut client = Client::start(&mut io, REQUEST, &mut window, setup.config, NOW)
        .expect("a window of 64 bytes is enough");
    client.io_mut().has_pauses = setup.has_pauses;
    let mut log = Log::new(stream);
    let end = loop {
        match client.next(NOW) {
            Ok(received) => {
                if log.add(received) {
                    client.delivered();
                }
            }
            Err(IoError::Ended(end)) => break end,
            Err(error) => assert_eq!(error, IoError::Io(ErrorKind::TimedOut)),
        }
    };
    log.end(end, io.sent)
}

fn run_async(setup: Setup, stream: &[u8]) -> Outcome {
    let mut io = Stream::new(setup, stream);
    let mut window = std::vec![0; setup.window];
    io.has_pauses = false;
    let mut context = Context::from_waker(Waker::noop());
    let start = AsyncClient::start(&mut io, REQUEST, &mut window, setup.config, NOW);
    let Poll::Ready(client) = pin!(start).poll(&mut context) else {
        unreachable!("the stream is always ready");
    };
    let mut client = client.expect("a window of 64 bytes is enough");
    client.io_mut().has_pauses = setup.has_pauses;
    let mut log = Log::new(stream);
    let mut drops = setup.seed;
    let end = loop {
        let polled = {
            let mut next = pin!(client.next(NOW));
            loop {
                drops = random(drops);
                match next.as_mut().poll(&mut context) {
                    Poll::Ready(result) => break Some(result.map(|received| log.add(received))),
                    // Dropped while it waits, as a timer does it.
                    Poll::Pending if drops & 3 == 0 => break None,
                    Poll::Pending => {}
                }
            }
        };
        match polled {
            Some(Ok(true)) => client.delivered(),
            Some(Ok(false)) | None => {}
            Some(Err(IoError::Ended(end))) => break end,
            Some(Err(error)) => unreachable!("{error:?}"),
        }
    };
    log.end(end, io.sent)
}

struct Log {
    frames: Vec<(Frame, Vec<u8>)>,
    transcript: Transcript,
    /// Frames that the stream can hold at most.
    left: usize,
}

impl Log {
    fn new(stream: &[u8]) -> Self {
        Self {
            frames: Vec::new(),
            transcript: Transcript::default(),
            left: 8 + 8 * stream.len(),
        }
    }

    /// Returns whether a unit is complete.
    fn add(&mut self, received: Received<'_>) -> bool {
        self.left = self.left.checked_sub(1).expect("frames are bounded");
        let mut frame = received.frame;
        if let Frame::Message { body, .. } | Frame::Chunk { body } = &mut frame {
            assert_eq!(body.len, received.bytes.len(), "the bytes of the frame");
            body.start = 0;
        }
        self.transcript.add(&frame, received.bytes);
        self.frames.push((frame, received.bytes.to_vec()));
        frame == Frame::BundleEnd
    }

    fn end(self, end: End, sent: Vec<u8>) -> Outcome {
        Outcome {
            frames: self.frames,
            digest: self.transcript.digest(),
            sent,
            end,
        }
    }
}

/// A stream that gives and takes a few bytes at a time.
struct Stream<'a> {
    input: Choices<'a>,
    sent: Vec<u8>,
    most: usize,
    seed: u32,
    has_pauses: bool,
    /// Whether the next call is ready.
    is_ready: bool,
}

impl<'a> Stream<'a> {
    fn new(setup: Setup, input: &'a [u8]) -> Self {
        Self {
            input: Choices::new(input),
            sent: Vec::new(),
            most: setup.most,
            seed: setup.seed,
            has_pauses: setup.has_pauses,
            is_ready: false,
        }
    }

    /// Whether a call has to wait; the one after it has not.
    fn pauses(&mut self) -> bool {
        self.is_ready = !self.is_ready;
        self.has_pauses && self.is_ready
    }

    /// The size of the next read or write. The sequence is pseudo-random.
    fn size(&mut self, room: usize) -> usize {
        self.seed = random(self.seed);
        match self.most {
            usize::MAX => room,
            most => room.min(1 + self.seed as usize % most),
        }
    }

    fn take(&mut self, out: &mut [u8]) -> usize {
        assert!(!out.is_empty(), "there is room");
        let size = self.size(out.len());
        let bytes = self.input.bytes(size);
        out[..bytes.len()].copy_from_slice(bytes);
        bytes.len()
    }

    fn put(&mut self, bytes: &[u8]) -> usize {
        let size = self.size(bytes.len());
        self.sent.extend(&bytes[..size]);
        size
    }
}

const fn random(mut seed: u32) -> u32 {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^ seed << 5
}

impl ErrorType for Stream<'_> {
    type Error = ErrorKind;
}

impl embedded_io::Read for Stream<'_> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        match self.pauses() {
            true => Err(ErrorKind::TimedOut),
            false => Ok(self.take(out)),
        }
    }
}

impl embedded_io::Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        match self.pauses() {
            true => Err(ErrorKind::TimedOut),
            false => Ok(self.put(bytes)),
        }
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl embedded_io_async::Read for Stream<'_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        self.pause().await;
        Ok(self.take(out))
    }
}

impl embedded_io_async::Write for Stream<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.pause().await;
        Ok(self.put(bytes))
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Stream<'_> {
    /// Is not ready once.
    async fn pause(&mut self) {
        core::future::poll_fn(|_| match self.pauses() {
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
        .await;
    }
}
