//! The result of a call.

use core::ffi::{CStr, c_char, c_int};

use estreamer_core::session::End;

/// The result of a call. The numbers are stable: none changes or is reused.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum est_status {
    /// Success.
    EST_OK = 0,
    /// Nothing available yet. Add more bytes, or wait longer.
    EST_AGAIN = 1,
    /// est_client_interrupt() ended the wait.
    EST_INTERRUPTED = 2,
    /// The server sends nothing more until events are acknowledged.
    EST_UNACKNOWLEDGED = 3,

    /// A pointer is NULL.
    EST_NULL = 10,
    /// An argument is out of range. The detail names it.
    EST_INVALID = 11,
    /// The handle is in the wrong state: not connected yet, or already asked.
    EST_STATE = 12,
    /// The window is full. Take events out first.
    EST_FULL = 13,
    /// Another thread is in a call with this handle.
    EST_BUSY = 14,
    /// An internal error occurred in an earlier call. The handle can only be
    /// freed.
    EST_POISONED = 15,
    /// The memory is too small or cannot be allocated. A client is closed then, and can
    /// only be freed.
    EST_NO_MEMORY = 16,

    /// This side closed the session.
    EST_CLOSED = 20,
    /// The server closed the connection between two messages. Reconnect.
    EST_PEER_CLOSED = 21,
    /// The server sent an error message. The detail has its code and text.
    EST_PEER_ERROR = 22,
    /// The server closed the connection before sending a byte. It does not accept
    /// this client.
    EST_REFUSED = 23,
    /// The server closed the connection inside a message. Reconnect.
    EST_CUT = 24,
    /// The received bytes are not eStreamer messages. Reconnect.
    EST_OUT_OF_STEP = 25,
    /// The server was silent for longer than the deadline. Reconnect.
    EST_SILENT = 26,

    /// The request is not valid. The detail says what to change.
    EST_REQUEST = 30,
    /// The PKCS#12 file, or the identity in memory, cannot be used.
    EST_IDENTITY = 31,
    /// The server's name cannot be resolved.
    EST_ADDRESS = 32,
    /// The server cannot be reached, or the connection broke.
    EST_CONNECTION = 33,
    /// TLS failed: one side does not accept the other's certificate.
    EST_TLS = 34,
    /// The bookmark cannot be read or written.
    EST_BOOKMARK = 35,
    /// The operating system refused a resource.
    EST_SYSTEM = 36,
}

use est_status::*;

impl est_status {
    const ALL: [Self; 25] = [
        EST_OK,
        EST_AGAIN,
        EST_INTERRUPTED,
        EST_UNACKNOWLEDGED,
        EST_NULL,
        EST_INVALID,
        EST_STATE,
        EST_FULL,
        EST_BUSY,
        EST_POISONED,
        EST_NO_MEMORY,
        EST_CLOSED,
        EST_PEER_CLOSED,
        EST_PEER_ERROR,
        EST_REFUSED,
        EST_CUT,
        EST_OUT_OF_STEP,
        EST_SILENT,
        EST_REQUEST,
        EST_IDENTITY,
        EST_ADDRESS,
        EST_CONNECTION,
        EST_TLS,
        EST_BOOKMARK,
        EST_SYSTEM,
    ];

    pub(crate) const fn text(self) -> &'static CStr {
        match self {
            EST_OK => c"success",
            EST_AGAIN => c"nothing available yet",
            EST_INTERRUPTED => c"the wait was interrupted",
            EST_UNACKNOWLEDGED => c"the server waits for an acknowledgement",
            EST_NULL => c"a pointer is NULL",
            EST_INVALID => c"an argument is out of range",
            EST_STATE => c"the handle is in the wrong state for this call",
            EST_FULL => c"the window is full, take events out first",
            EST_BUSY => c"another thread is using the handle",
            EST_POISONED => c"an internal error occurred, free the handle",
            EST_NO_MEMORY => c"not enough memory",
            EST_CLOSED => c"closed by this side",
            EST_PEER_CLOSED => c"the server closed the connection",
            EST_PEER_ERROR => c"the server sent an error message",
            EST_REFUSED => c"the server closed the connection before sending a byte, it does not accept this client",
            EST_CUT => c"the connection ended inside a message",
            EST_OUT_OF_STEP => c"the received bytes are not eStreamer messages",
            EST_SILENT => c"the server was silent for too long",
            EST_REQUEST => c"the request is not valid",
            EST_IDENTITY => c"the identity cannot be used",
            EST_ADDRESS => c"the server's name cannot be resolved",
            EST_CONNECTION => c"the server cannot be reached",
            EST_TLS => c"TLS failed",
            EST_BOOKMARK => c"the bookmark cannot be read or written",
            EST_SYSTEM => c"the operating system refused a resource",
        }
    }
}

/// The status for the end of a session.
pub const fn of_end(end: End) -> est_status {
    match end {
        End::PeerError { .. } => EST_PEER_ERROR,
        End::BeforeFirstByte => EST_REFUSED,
        End::Idle => EST_PEER_CLOSED,
        End::MidMessage => EST_CUT,
        End::InvalidHeader(_) => EST_OUT_OF_STEP,
        End::PeerSilent => EST_SILENT,
        End::Closed => EST_CLOSED,
        // A reason that a later version of the protocol crate adds.
        _ => EST_OUT_OF_STEP,
    }
}

/// Returns the version of the library as text, such as "0.1.0".
#[unsafe(no_mangle)]
pub extern "C" fn est_version() -> *const c_char {
    VERSION.as_ptr()
}

/// Returns the version of the library as a number. It is EST_VERSION of the header that
/// the library was made with.
#[unsafe(no_mangle)]
pub extern "C" fn est_version_number() -> u32 {
    number(env!("CARGO_PKG_VERSION_MAJOR")) * 1_000_000
        + number(env!("CARGO_PKG_VERSION_MINOR")) * 1000
        + number(env!("CARGO_PKG_VERSION_PATCH"))
}

/// The number of decimal digits.
fn number(digits: &str) -> u32 {
    let digits = digits
        .bytes()
        .map(|digit| u32::from(digit.wrapping_sub(b'0')));
    digits.fold(0, |number, digit| number * 10 + digit)
}

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };

/// Returns a short description of a status. Never NULL, always valid.
#[unsafe(no_mangle)]
pub extern "C" fn est_strerror(status: c_int) -> *const c_char {
    let known = est_status::ALL
        .iter()
        .find(|known| **known as c_int == status);
    known
        .map_or(c"unknown status", |known| known.text())
        .as_ptr()
}
