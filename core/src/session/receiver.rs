//! What both ends do with received bytes.

use super::End;
use super::observer::{Observer, Whole};
use crate::ConfigError;
use crate::decode::{Decoder, Limits, Oversize, Step};
use crate::wire::RecordReader;

/// Decoder, counters and end of one direction.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Receiver {
    pub(super) decoder: Decoder,
    pub(super) observer: Observer,
    pub(super) end: Option<End>,
    /// Input bytes left over by the last step.
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

    /// Whether `input` holds bytes that the last step did not see.
    pub(super) const fn is_news(&self, input: &[u8]) -> bool {
        input.len() > self.pending
    }

    /// One step of the decoder, while the session stands.
    pub(super) fn decode(&mut self, input: &[u8]) -> Result<Step, End> {
        if let Some(end) = self.end {
            return Err(end);
        }
        self.decoder
            .step(input)
            .map_err(|error| self.finish(End::OutOfStep(error)))
    }

    /// Counts what the step found and tells what it completes; an error that
    /// is complete ends the session.
    pub(super) fn note(&mut self, step: &Step, input: &[u8]) -> Option<Whole> {
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

    /// The first reason stays.
    pub(super) fn finish(&mut self, end: End) -> End {
        *self.end.get_or_insert(end)
    }
}
