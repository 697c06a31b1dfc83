//! Errors, divided by their cause: the peer, a buffer of ours, a setting.

use crate::count::Bytes;
use core::fmt;

/// The peer sent something invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PeerError {
    /// The input ends before the message does.
    Truncated {
        /// Bytes missing, at least.
        needed: u32,
    },
    /// A top-level header whose version is not 1. The message boundaries are
    /// lost, and the only remedy is a new connection. FMC 6.1 and 6.2 are known
    /// to cause this.
    InvalidHeader {
        /// The version found. 1 is expected (FQE, Error Message Format).
        version: u16,
        /// The message type found.
        message_type: u16,
        /// Offset of the header in the stream, in bytes.
        offset: u64,
    },
    /// A message whose body contradicts its own lengths.
    Malformed(Malformed),
}

/// How a message contradicts its own lengths. Its raw body is always available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Malformed {
    /// An event data message that is too short for its record header (8 bytes).
    RecordTooShort,
    /// The record length and the message length match none of the layouts in
    /// [`RecordLayout`](crate::wire::RecordLayout).
    RecordLength {
        /// The record length R, in bytes.
        record: u32,
        /// The message length L, in bytes.
        message: u32,
    },
    /// An error message that is too short for its code and text length (6 bytes).
    ErrorTooShort,
    /// An event stream request that is too short for timestamp and flags (8 bytes).
    RequestTooShort,
    /// A bundle that is too short for connection id and sequence number (8 bytes).
    BundleTooShort,
    /// A nested message that is longer than the rest of its bundle. The raw bytes
    /// start with the nested header.
    BundleOverrun,
    /// Fewer than 8 bytes at the end of a bundle.
    BundleTrailing,
}

/// A buffer of the caller's is too small. Nothing was written or consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ResourceError {
    /// The output buffer is too small.
    BufferTooSmall {
        /// Bytes needed in total.
        needed: usize,
    },
}

/// A setting is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConfigError {
    /// The window is smaller than [`MIN_WINDOW`](crate::decode::MIN_WINDOW) bytes.
    WindowTooSmall {
        /// Bytes given.
        given: usize,
    },
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed } => {
                let missing = Bytes(u64::from(*needed));
                write!(f, "truncated message: {missing} missing")
            }
            Self::InvalidHeader {
                version,
                message_type,
                offset,
            } => write!(
                f,
                "invalid header at byte {offset}: version {version}, expected 1 (message type {message_type})"
            ),
            Self::Malformed(malformed) => malformed.fmt(f),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RecordTooShort => "event data too short for its record header",
            Self::RecordLength { record, message } => {
                return write!(
                    f,
                    "record length {record} does not fit message length {message}"
                );
            }
            Self::ErrorTooShort => "error message too short for its code and text length",
            Self::RequestTooShort => "event stream request too short for timestamp and flags",
            Self::BundleTooShort => "bundle too short for connection id and sequence number",
            Self::BundleOverrun => "nested message longer than the rest of its bundle",
            Self::BundleTrailing => "fewer than 8 bytes at the end of a bundle",
        })
    }
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::BufferTooSmall { needed } = self;
        let needed = Bytes(*needed as u64);
        write!(f, "output buffer too small: {needed} needed")
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::WindowTooSmall { given } = self;
        let (given, least) = (Bytes(*given as u64), crate::decode::MIN_WINDOW);
        write!(f, "window too small: {given}, expected at least {least}")
    }
}

impl core::error::Error for PeerError {}
impl core::error::Error for Malformed {}
impl core::error::Error for ResourceError {}
impl core::error::Error for ConfigError {}

impl From<Malformed> for PeerError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}
