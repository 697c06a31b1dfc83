//! The settings that are numbers: their defaults and bounds, written once for
//! the command line, the reader and the sample file.

use std::ops::RangeInclusive;

/// A whole number with its unit, default and bounds.
#[derive(Debug, Clone, Copy)]
pub struct Number {
    /// What it counts.
    pub unit: &'static str,
    /// Where it is not given.
    pub default: u32,
    /// The least allowed.
    pub least: u32,
    /// The most allowed.
    pub most: u32,
}

/// Bundles acknowledged before the outputs have taken them; 0 waits until they are
/// accepted.
pub const AHEAD: Number = Number::new("bundles", 16, 0, u32::MAX);
/// What is asked for again at a restart.
pub const OVERLAP: Number = Number::new("seconds", 5, 1, 3600);
/// For events on their way; a record of 16 MiB and two arenas have to fit.
pub const MEMORY: Number = Number::new("MiB", 32, 20, 65_536);
/// How long a stop may take.
pub const SHUTDOWN: Number = Number::new("seconds", 30, 1, 3600);
/// How long a server may be silent after the request; 0 is for ever.
pub const REQUEST_TIMEOUT: Number = Number::new("seconds", 60, 0, 3600);
/// What an output that is not required may lag behind.
pub const QUEUE: Number = Number::new("MiB", 16, 1, 65_536);

impl Number {
    const fn new(unit: &'static str, default: u32, least: u32, most: u32) -> Self {
        Self {
            unit,
            default,
            least,
            most,
        }
    }

    /// The default as bytes, of a number of MiB.
    pub const fn mebibytes(&self) -> usize {
        mebibytes(self.default)
    }

    /// The bounds as the command line takes them.
    pub fn range(&self) -> RangeInclusive<i64> {
        self.least.into()..=self.most.into()
    }
}

/// MiB as bytes.
pub const fn mebibytes(count: u32) -> usize {
    (count as usize).saturating_mul(1 << 20)
}
