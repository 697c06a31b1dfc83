//! The outcome of a call.

use core::ffi::{CStr, c_char, c_int};

use estreamer_core::session::End;

/// What came of a call. The numbers are stable: none changes or is used again.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum est_status {
    /// Done.
    EST_OK = 0,
    /// Nothing there yet: bring more bytes, or wait longer.
    EST_AGAIN = 1,
    /// est_client_interrupt() ended the wait.
    EST_INTERRUPTED = 2,
    /// The server sends nothing more before what came is acknowledged.
    EST_UNACKNOWLEDGED = 3,

    /// A pointer is NULL.
    EST_NULL = 10,
    /// An argument is out of its range; the detail says which.
    EST_INVALID = 11,
    /// The call does not fit here: not connected yet, or asked already.
    EST_STATE = 12,
    /// No room: take events out first.
    EST_FULL = 13,
    /// Another thread is inside a call with this handle.
    EST_BUSY = 14,
    /// An internal error struck an earlier call; the handle can only be freed.
    EST_POISONED = 15,
    /// The memory is too small, or there is none.
    EST_NO_MEMORY = 16,

    /// The session was closed by this side.
    EST_CLOSED = 20,
    /// The server closed between two messages; connect again.
    EST_PEER_CLOSED = 21,
    /// The server sent an error message; the detail has its code and text.
    EST_PEER_ERROR = 22,
    /// The server closed without a word: it does not accept this client.
    EST_REFUSED = 23,
    /// The server closed in the middle of a message; connect again.
    EST_CUT = 24,
    /// What the server sends is not eStreamer, or lost step; connect again.
    EST_OUT_OF_STEP = 25,
    /// The server was silent for too long; connect again.
    EST_SILENT = 26,

    /// The request would not work; the detail says what to change.
    EST_REQUEST = 30,
    /// The PKCS#12 file cannot be used.
    EST_IDENTITY = 31,
    /// The server's name has no address.
    EST_ADDRESS = 32,
    /// The server cannot be reached, or the connection broke.
    EST_CONNECTION = 33,
    /// TLS failed: one side does not accept the other's certificate.
    EST_TLS = 34,
    /// The bookmark cannot be read or written.
    EST_BOOKMARK = 35,
    /// The operating system refuses a resource.
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
            EST_OK => c"done",
            EST_AGAIN => c"nothing there yet",
            EST_INTERRUPTED => c"the wait was interrupted",
            EST_UNACKNOWLEDGED => c"the server waits for an acknowledgement",
            EST_NULL => c"a pointer is NULL",
            EST_INVALID => c"an argument is out of its range",
            EST_STATE => c"the call does not fit the state of the handle",
            EST_FULL => c"no room, take events out first",
            EST_BUSY => c"another thread is using the handle",
            EST_POISONED => c"an internal error made the handle useless, free it",
            EST_NO_MEMORY => c"not enough memory",
            EST_CLOSED => c"closed by this side",
            EST_PEER_CLOSED => c"the server closed the connection",
            EST_PEER_ERROR => c"the server sent an error message",
            EST_REFUSED => c"the server closed without a word, it does not accept this client",
            EST_CUT => c"the connection ended in the middle of a message",
            EST_OUT_OF_STEP => c"what the server sends cannot be read",
            EST_SILENT => c"the server was silent for too long",
            EST_REQUEST => c"the request would not work",
            EST_IDENTITY => c"the PKCS#12 file cannot be used",
            EST_ADDRESS => c"the server's name has no address",
            EST_CONNECTION => c"the server cannot be reached",
            EST_TLS => c"TLS failed",
            EST_BOOKMARK => c"the bookmark cannot be read or written",
            EST_SYSTEM => c"the operating system refuses a resource",
        }
    }
}

/// The status of a session that has ended.
pub const fn of_end(end: End) -> est_status {
    match end {
        End::PeerError { .. } => EST_PEER_ERROR,
        End::BeforeFirstByte => EST_REFUSED,
        End::Idle => EST_PEER_CLOSED,
        End::MidMessage => EST_CUT,
        End::OutOfStep(_) => EST_OUT_OF_STEP,
        End::PeerSilent => EST_SILENT,
        End::Closed => EST_CLOSED,
    }
}

/// The version of the library in use, such as "0.1.0"; compare it with
/// EST_VERSION, that of the header.
#[unsafe(no_mangle)]
pub extern "C" fn est_version() -> *const c_char {
    VERSION.as_ptr()
}

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };

/// What a status means, in a few words; never NULL, and valid for ever.
#[unsafe(no_mangle)]
pub extern "C" fn est_strerror(status: c_int) -> *const c_char {
    let known = est_status::ALL
        .iter()
        .find(|known| **known as c_int == status);
    known
        .map_or(c"unknown status", |known| known.text())
        .as_ptr()
}
