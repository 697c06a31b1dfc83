//! The numeric settings with defaults and bounds, for the command line, the
//! configuration file and the sample file.

use std::ops::RangeInclusive;

/// An integer setting.
#[derive(Debug, Clone, Copy)]
pub struct Number {
    /// The unit.
    pub unit: &'static str,
    /// The default.
    pub default: u32,
    /// The minimum.
    pub min: u32,
    /// The maximum.
    pub max: u32,
}

/// Bundles to acknowledge before the outputs have taken them; with 0 a bundle is
/// acknowledged after the outputs have accepted it.
pub const AHEAD: Number = Number::new("bundles", 16, 0, u32::MAX);
/// How much is requested again at a resume.
pub const OVERLAP: Number = Number::new("seconds", 5, 1, 3600);
/// Memory for events between connections and outputs. A record of 16 MiB and two
/// arenas must fit.
pub const MEMORY: Number = Number::new("MiB", 32, 20, 65_536);
/// How long a stop may take.
pub const SHUTDOWN: Number = Number::new("seconds", 30, 1, 3600);
/// How long a server may be silent after the request; 0 is no limit.
pub const REQUEST_TIMEOUT: Number = Number::new("seconds", 60, 0, 3600);
/// How much may wait for an output that is not required.
pub const QUEUE: Number = Number::new("MiB", 16, 1, 65_536);
/// How many closed files are kept.
pub const KEEP_FILES: Number = Number::new("files", 0, 1, u32::MAX);
/// For how many days closed files are kept.
pub const KEEP_DAYS: Number = Number::new("days", 0, 1, 100_000);

impl Number {
    const fn new(unit: &'static str, default: u32, min: u32, max: u32) -> Self {
        Self {
            unit,
            default,
            min,
            max,
        }
    }

    /// Returns the default in bytes, for a setting in MiB.
    pub const fn mebibytes(&self) -> usize {
        mebibytes(self.default)
    }

    /// Returns the bounds for the command line.
    pub fn range(&self) -> RangeInclusive<i64> {
        self.min.into()..=self.max.into()
    }
}

/// Converts MiB to bytes.
pub const fn mebibytes(count: u32) -> usize {
    (count as usize).saturating_mul(1 << 20)
}
