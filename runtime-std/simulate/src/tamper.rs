//! What becomes of a connection's messages on their way out: the quirks and the
//! chaos that are shown in the bytes themselves.

mod quirks;
#[cfg(test)]
mod tests;

pub use quirks::{SHOWN, guide};

use std::time::Duration;

use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::wire::{ErrorMessage, HEADER_LEN, Message, Null};
use estreamer_mio::server::{Outgoing, Tampered};

use super::chaos::{Chaos, ChaosKind};
use super::generator::rng::Rng;
use quirks::{append_nested, patch_sequence, show};

/// One connection's tampering.
pub(super) struct Tamper {
    quirks: Quirks,
    /// Each with its value chosen.
    chaos: Vec<(ChaosKind, u64)>,
    rng: Rng,
    /// Bytes that went out.
    sent: u64,
    /// What sequence numbers are too high by.
    ahead: u32,
}

impl Tamper {
    /// `None` where nothing is to be changed.
    pub(super) fn new(quirks: Quirks, chaos: &[Chaos], seed: u64) -> Option<Self> {
        if !chaos.iter().any(|chaos| chaos.kind.is_in_messages())
            && !SHOWN.iter().any(|&quirk| quirks.has(quirk))
        {
            return None;
        }
        let mut rng = Rng::new(seed);
        let chaos = chaos
            .iter()
            .map(|chaos| {
                let (_, low, high) = chaos.kind.value().unwrap_or(("", 0, 0));
                // Drawn in any case, so that one value given leaves the others.
                let drawn = rng.between(low, high);
                (chaos.kind, chaos.value.unwrap_or(drawn))
            })
            .collect();
        Some(Self {
            quirks,
            chaos,
            rng,
            sent: 0,
            ahead: 0,
        })
    }

    /// What goes out in the message's place.
    pub(super) fn message(&mut self, outgoing: Outgoing, message: &[u8]) -> Option<Tampered> {
        let mut out = Tampered {
            bytes: message.to_vec(),
            ..Tampered::default()
        };
        match outgoing {
            Outgoing::Bundle(_) => {
                patch_sequence(&mut out.bytes, self.ahead);
                self.ahead += show(self.quirks, &mut out.bytes);
            }
            Outgoing::Error if self.quirks.has(Quirk::ErrorLength) => {
                // The text length, at the end of the fixed fields.
                if let Some(byte) = out.bytes.get_mut(HEADER_LEN + 5) {
                    *byte = byte.wrapping_add(7);
                }
            }
            _ => {}
        }
        for at in 0..self.chaos.len() {
            let (kind, value) = self.chaos[at];
            self.wreak(kind, value, outgoing, &mut out);
        }
        self.sent += out.bytes.len() as u64;
        Some(out)
    }

    fn wreak(&mut self, kind: ChaosKind, value: u64, outgoing: Outgoing, out: &mut Tampered) {
        let pause = Duration::from_millis(value);
        let chosen = matches!(outgoing, Outgoing::Bundle(n) if u64::from(n) == value);
        match kind {
            ChaosKind::Cut => {
                let left = usize::try_from(value.saturating_sub(self.sent)).unwrap_or(usize::MAX);
                if left <= out.bytes.len() && outgoing != Outgoing::End {
                    out.bytes.truncate(left);
                    out.close = true;
                }
            }
            ChaosKind::Stall if matches!(outgoing, Outgoing::Bundle(_)) => out.pause = pause,
            ChaosKind::Drip => out.pieces = usize::try_from(value).unwrap_or(usize::MAX).max(1),
            ChaosKind::Garbage if chosen => self.noise(&mut out.bytes),
            ChaosKind::Oversize if outgoing == Outgoing::Bundle(1) => {
                oversize(&mut out.bytes, value);
            }
            ChaosKind::Error if chosen => {
                self.error(&mut out.bytes);
                out.close = true;
            }
            ChaosKind::SilentClose if outgoing == Outgoing::Start => out.close = true,
            ChaosKind::NullClose if outgoing == Outgoing::Bundle(1) => {
                out.bytes.resize(HEADER_LEN, 0);
                let _ = Message::Null(Null).emit(&mut out.bytes);
                out.close = true;
            }
            ChaosKind::NoCloseNotify if chosen => out.close = true,
            ChaosKind::DuplicateBundle if chosen => {
                let again = out.bytes.clone();
                out.bytes.extend_from_slice(&again);
            }
            ChaosKind::SkipSequence if chosen => {
                patch_sequence(&mut out.bytes, 1);
                self.ahead += 1;
            }
            ChaosKind::NoClose if outgoing == Outgoing::End => out.pause = pause,
            _ => {}
        }
    }

    /// As much noise as there was sense; never by chance the start of a message.
    fn noise(&mut self, bytes: &mut [u8]) {
        for byte in &mut *bytes {
            *byte = self.rng.next() as u8;
        }
        if let Some(first) = bytes.first_mut() {
            *first |= 1;
        }
    }

    fn error(&mut self, bytes: &mut Vec<u8>) {
        let error = Message::Error(ErrorMessage {
            code: 19,
            text: b"No space",
        });
        let mut out = vec![0; error.encoded_len()];
        if error.emit(&mut out).is_err() {
            return;
        }
        match self.quirks.has(Quirk::NestedError) {
            true => append_nested(bytes, &out),
            false => bytes.extend_from_slice(&out),
        }
    }
}

/// Appends to a bundle an intrusion record, without archival time, that begins as
/// JSON does.
fn oversize(bundle: &mut Vec<u8>, mebibytes: u64) {
    // What does not fit a length field is as large as one can say.
    let length = u32::try_from(mebibytes.saturating_mul(1 << 20)).map_or(MOST, |n| n.min(MOST));
    let mut nested = vec![0, 0, 0, 4];
    for word in [length + 16, 400, length, 0, 0] {
        nested.extend_from_slice(&word.to_be_bytes());
    }
    let end = nested.len() + length as usize;
    nested.push(b'{');
    nested.resize(end, b' ');
    append_nested(bundle, &nested);
}

/// Bytes of a record that fits a bundle together with others.
const MOST: u32 = 1 << 30;
