//! Every message of the protocol, one file each, in the same shape: what it is,
//! `parse`, `encoded_len`, `emit`, `Display`.
//!
//! The contract, the same everywhere:
//! - `parse` takes the **body**, the bytes behind the 8-byte [`Header`], and
//!   borrows from it. It is liberal: every deviation seen in the field is read.
//! - `emit` writes the body strictly by the guide and returns the bytes written.
//!   It never fails into a buffer of `encoded_len` bytes and never writes
//!   anything when it fails.
//! - What was emitted parses back to the same value; of events, if the
//!   [`RecordReader`] knows what was emitted.
//! - `Display` is one line and passes no control character of the peer through.
//!
//! [`Message`] puts header and body together:
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
mod reading;
mod record;
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
pub use reading::{DataForm, Evidence, Expected, RecordLength, RecordReader};
pub use record::{Extension, Layout, Record, RecordType};
pub use request::{EventStreamRequest, InitialTimestamp};
pub use streaming::{ESTREAMER_SERVICE, EventList, ServiceEntry, Services};

pub(crate) use bundle::{FIXED_LEN as BUNDLE_FIXED_LEN, fixed as bundle_fixed};
pub(crate) use error::{FIXED_LEN as ERROR_FIXED_LEN, fixed as error_fixed};
pub(crate) use header::header;
pub(crate) use request::{FIXED_LEN as REQUEST_FIXED_LEN, fixed as request_fixed};

use crate::ResourceError;

/// Writes `parts` back to back: all of them or nothing.
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
