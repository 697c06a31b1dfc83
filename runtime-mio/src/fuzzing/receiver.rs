//! The receiving end of a client on bytes, without socket and TLS.

use std::sync::LazyLock;

use estreamer_core::ConfigError;
use estreamer_core::session::{ClientConfig, ClientSession, End, Instant};

use crate::buffer::{Batch, BatchBuilder, Pool};
use crate::client::decode;
use crate::error_text::ErrorText;
use crate::event_loop::{EventLoop, Handle};

/// The loop that is woken. Nothing runs on it.
pub(super) static LOOP: LazyLock<Handle> = LazyLock::new(|| {
    EventLoop::<()>::new()
        .expect("a system that can poll")
        .handle()
});

/// Session, arenas and batches of one connection. Batches have to be dropped before more
/// bytes are received.
pub struct ByteReceiver {
    session: ClientSession,
    builder: BatchBuilder,
    error_text: ErrorText,
}

impl ByteReceiver {
    /// Returns the receiver of a new connection with an arena of this size in bytes.
    ///
    /// # Errors
    /// The arena is too small.
    pub fn new(arena: usize, config: ClientConfig, now: Instant) -> Result<Self, ConfigError> {
        let budget = config.limits.record as usize + 2 * arena;
        Ok(Self {
            session: ClientSession::new(arena, config, now)?,
            builder: BatchBuilder::new(Pool::new(arena, budget, LOOP.clone())),
            error_text: ErrorText::default(),
        })
    }

    /// Receives bytes of the server, and calls `take` with each batch.
    ///
    /// # Errors
    /// Why the session ended. The batches before it were taken.
    pub fn receive(
        &mut self,
        mut bytes: &[u8],
        now: Instant,
        mut take: impl FnMut(Batch),
    ) -> Result<(), End> {
        loop {
            let Self {
                session,
                builder,
                error_text,
            } = self;
            let decoded = decode(builder, session, error_text, now);
            let count = match (&decoded, builder.room()) {
                (Ok(true), Some(room)) => {
                    let count = room.len().min(bytes.len());
                    room[..count].copy_from_slice(&bytes[..count]);
                    builder.filled(count);
                    bytes = &bytes[count..];
                    count
                }
                _ => 0,
            };
            if count == 0 {
                builder.end_turn(false);
                while let Some(batch) = builder.poll_batch() {
                    take(batch);
                }
            }
            if decoded? && bytes.is_empty() && count == 0 {
                return Ok(());
            }
        }
    }

    /// Says that the first `units` units are delivered.
    pub fn delivered(&mut self, units: u64) {
        self.session.delivered(units);
    }

    /// Returns the bytes to send to the server.
    pub fn transmit(&mut self, now: Instant) -> Vec<u8> {
        let mut sent = Vec::new();
        let mut nulls = [0; 64];
        loop {
            match self.session.poll_transmit(&mut nulls, now) {
                0 => return sent,
                length => sent.extend_from_slice(&nulls[..length]),
            }
        }
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// The server is silent for too long.
    pub fn timeout(&mut self, now: Instant) -> Result<(), End> {
        match self.session.poll_timeout().is_some_and(|due| due <= now) {
            true => self.session.handle_timeout(now),
            false => Ok(()),
        }
    }
}
