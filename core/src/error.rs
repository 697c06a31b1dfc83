//! Errors, divided by whose fault they are.

use core::fmt;

/// The peer sent something that ends the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PeerError {
    /// The bytes end before the message does. `needed` is the least number of
    /// further bytes that could complete it.
    Truncated {
        /// Bytes missing, at least.
        needed: u32,
    },
    /// A top-level header whose version is not 1: framing is lost, the only
    /// remedy is a new connection (FMC 6.1 and 6.2 are known to do this).
    OutOfStep {
        /// The version found; 1 was expected (FQE, Error Message Format).
        version: u16,
        /// What stood in the place of the message type.
        message_type: u16,
        /// Where the header began, in bytes since the start of the stream.
        offset: u64,
    },
    /// A message whose body contradicts its own lengths.
    Malformed(Malformed),
}

/// How a message contradicts itself. Its raw body is always kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Malformed {
    /// An event data message too short for its record header (8 bytes).
    RecordTooShort,
    /// Record length and message length fit none of the known layouts.
    RecordLength,
    /// An error message too short for its code and text length (6 bytes).
    ErrorTooShort,
    /// An event stream request without timestamp and flags (8 bytes).
    RequestTooShort,
    /// A bundle without connection id and sequence number (8 bytes).
    BundleTooShort,
    /// A nested message longer than what is left of its bundle. The raw bytes
    /// start with the nested header.
    BundleOverrun,
    /// Fewer than 8 bytes at the end of a bundle.
    BundleTrailing,
}

/// Something of ours is too small; nothing was written or consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ResourceError {
    /// The output buffer needs at least this many bytes.
    BufferTooSmall {
        /// Bytes needed in all.
        needed: usize,
    },
}

/// A setting that cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ConfigError {
    /// The decoder's window is below [`crate::decode::MIN_WINDOW`] bytes.
    WindowTooSmall {
        /// Bytes given.
        given: usize,
    },
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed } => write!(f, "message cut short, {needed} bytes missing"),
            Self::OutOfStep {
                version,
                message_type,
                offset,
            } => write!(
                f,
                "out of step at byte {offset}: header version {version} (type {message_type}) where 1 belongs"
            ),
            Self::Malformed(what) => what.fmt(f),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RecordTooShort => "event data shorter than its record header",
            Self::RecordLength => "record length fits no layout of the message length",
            Self::ErrorTooShort => "error message shorter than its code and text length",
            Self::RequestTooShort => "event stream request without timestamp and flags",
            Self::BundleTooShort => "bundle without connection id and sequence number",
            Self::BundleOverrun => "nested message longer than its bundle",
            Self::BundleTrailing => "stray bytes at the end of a bundle",
        })
    }
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::BufferTooSmall { needed } = self;
        write!(f, "output buffer too small, {needed} bytes needed")
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::WindowTooSmall { given } = self;
        write!(
            f,
            "window of {given} bytes is too small, give at least {}",
            crate::decode::MIN_WINDOW
        )
    }
}

impl core::error::Error for PeerError {}
impl core::error::Error for Malformed {}
impl core::error::Error for ResourceError {}
impl core::error::Error for ConfigError {}

impl From<Malformed> for PeerError {
    fn from(what: Malformed) -> Self {
        Self::Malformed(what)
    }
}
