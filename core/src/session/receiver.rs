//! Decoding and counting, for both ends.

use super::End;
use super::observer::{Observer, Whole};
use crate::ConfigError;
use crate::decode::{Decoder, Limits, Oversize, Step};
use crate::wire::RecordReader;

/// Decoder, counters and end of the incoming stream.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Receiver {
    pub(super) decoder: Decoder,
    pub(super) observer: Observer,
    pub(super) end: Option<End>,
    /// Bytes of the last input that its step did not consume.
    pending: usize,
}

impl Receiver {
    pub(super) fn new(
        window: usize,
        limits: Limits,
        oversize: Oversize,
        records: RecordReader,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            decoder: Decoder::new(window, limits, oversize)?.with_records(records),
            observer: Observer::new(),
            end: None,
            pending: 0,
        })
    }

    /// Whether `input` has bytes that the last step did not see.
    pub(super) const fn has_new_bytes(&self, input: &[u8]) -> bool {
        input.len() > self.pending
    }

    /// Runs one step of the decoder, unless the session has ended.
    pub(super) fn decode(&mut self, input: &[u8]) -> Result<Step, End> {
        if let Some(end) = self.end {
            return Err(end);
        }
        self.decoder
            .step(input)
            .map_err(|error| self.finish(End::InvalidHeader(error)))
    }

    /// Counts the frame of a step, and returns what it completes. A complete error
    /// message ends the session.
    pub(super) fn count(&mut self, step: &Step, input: &[u8]) -> Option<Whole> {
        self.pending = input.len() - step.consumed;
        self.observer.statistics.bytes += step.consumed as u64;
        let frame = step.frame.as_ref()?;
        let limits = self.decoder.limits();
        let expected = self.decoder.expected();
        let whole = self.observer.observe(frame, input, &limits, expected)?;
        if let Whole::Error(code) = whole {
            self.finish(End::PeerError { code });
        }
        Some(whole)
    }

    pub(super) fn eof(&mut self) -> End {
        if let Some(end) = self.end {
            return end;
        }
        let statistics = &mut self.observer.statistics;
        statistics.bytes += self.pending as u64;
        let end = if statistics.bytes == 0 {
            End::BeforeFirstByte
        } else if self.pending > 0 || !self.decoder.at_boundary() {
            End::MidMessage
        } else {
            End::Idle
        };
        self.finish(end)
    }

    /// Ends the session. A later reason does not replace an earlier one.
    pub(super) fn finish(&mut self, end: End) -> End {
        *self.end.get_or_insert(end)
    }
}
