//! The numeric settings with defaults and bounds, for the command line, the
//! configuration file and the sample file.

use std::ops::RangeInclusive;

use crate::output::options;

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
/// Null messages to send ahead of need.
pub const PREPAID: Number = Number::new("null messages", 0, 0, 10_000);
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
/// The maximum length of a syslog message in a datagram.
pub const MAX_MESSAGE: Number = Number::new("bytes", options::MAX_MESSAGE as u32, 480, 65_507);
/// The facility of syslog messages; 16 is local0.
pub const FACILITY: Number = Number::new("facility", options::FACILITY as u32, 0, 23);
/// The number of events of a request.
pub const BATCH_EVENTS: Number = Number::new("events", options::BATCH_EVENTS as u32, 1, 100_000);
/// The number of bytes of a request before compression.
pub const BATCH_BYTES: Number = Number::new("bytes", options::BATCH_BYTES as u32, 1024, 64 << 20);
/// The partition of a topic.
pub const PARTITION: Number = Number::new("partition", 0, 0, i32::MAX as u32);
/// How long an event may wait for others; 0 does not wait.
pub const BATCH_SECONDS: Number =
    Number::new("seconds", options::BATCH_TIME.as_secs() as u32, 0, 3600);

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
