//! The messages of the protocol. Each has a file with `parse`, `encoded_len`,
//! `emit` and `Display`:
//!
//! - `parse` takes the **body**, the bytes after the 8-byte [`Header`], and borrows
//!   from it. It accepts every deviation seen in real servers and clients.
//! - `emit` writes the body exactly as the guide describes it and returns the number
//!   of bytes. It never fails for a buffer of `encoded_len` bytes. If it fails, it
//!   writes nothing.
//! - The emitted bytes parse back to the same value. For events, the
//!   [`RecordReader`] must know the form of the records.
//! - `Display` writes one line, with the control characters of the peer escaped.
//!
//! [`Message`] combines header and body:
//!
//! ```
//! use estreamer_core::wire::{ErrorMessage, Message};
//! let goodbye = Message::Error(ErrorMessage { code: -1, text: b"shutdown" });
//! let mut buffer = [0; 32];
//! let length = goodbye.emit(&mut buffer)?;
//! assert_eq!(length, goodbye.encoded_len());
//! let ((header, message), rest) = Message::parse(&buffer[..length])?;
//! assert_eq!((header.version, message), (1, goodbye));
//! assert!(rest.is_empty());
//! assert_eq!(message.to_string(), "error -1: shutdown");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod bundle;
pub(crate) mod deviate;
mod error;
mod event;
mod flags;
mod header;
mod host;
mod message;
mod null;
mod record;
mod record_reader;
mod request;
mod streaming;

pub use bundle::{Bundle, BundleHeader, BundleWriter};
pub use error::{ErrorMessage, Lossy, trim_nul};
pub use event::{Event, EventNumber};
pub use flags::RequestFlags;
pub use header::{HEADER_LEN, Header, MessageType};
pub use host::{HostData, HostKind};
pub use message::Message;
pub use null::Null;
pub use record::{Extension, RecordHeader, RecordLayout, RecordType};
pub use record_reader::{DataForm, Evidence, Expected, RecordLength, RecordReader};
pub use request::{EventStreamRequest, InitialTimestamp};
pub use streaming::{ESTREAMER_SERVICE, EventList, ServiceEntry, Services};

pub(crate) use bundle::{FIXED_LEN as BUNDLE_FIXED_LEN, fixed as bundle_fixed};
pub(crate) use error::{FIXED_LEN as ERROR_FIXED_LEN, fixed as error_fixed};
pub(crate) use header::header;
pub(crate) use request::{FIXED_LEN as REQUEST_FIXED_LEN, fixed as request_fixed};

use crate::ResourceError;

/// Writes `parts` one after the other: all of them or nothing.
fn put(out: &mut [u8], parts: &[&[u8]]) -> Result<usize, ResourceError> {
    let needed = parts.iter().map(|part| part.len()).sum();
    let Some(mut rest) = out.get_mut(..needed) else {
        return Err(ResourceError::BufferTooSmall { needed });
    };
    for part in parts {
        let (head, tail) = rest.split_at_mut(part.len());
        head.copy_from_slice(part);
        rest = tail;
    }
    Ok(needed)
}
