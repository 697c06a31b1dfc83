//! The text that describes the last failure of a handle.

use core::ffi::c_char;
use core::fmt::{self, Write};

/// A text for C: ends with NUL, and is truncated to one byte less than `ROOM`.
#[derive(Debug)]
pub struct Detail<const ROOM: usize = 256> {
    bytes: [u8; ROOM],
    length: usize,
}

impl<const ROOM: usize> Detail<ROOM> {
    /// An empty text.
    pub const fn new() -> Self {
        Self {
            bytes: [0; ROOM],
            length: 0,
        }
    }

    /// Replaces the text.
    pub fn set(&mut self, text: impl fmt::Display) {
        self.length = 0;
        // Writing never fails: it leaves out what does not fit.
        let _ = write!(self, "{text}");
        if let Some(end) = self.bytes.get_mut(self.length) {
            *end = 0;
        }
    }

    /// The address of the text in `detail`. Reads nothing and creates no
    /// reference, so another thread may be writing the text.
    ///
    /// # Safety
    /// `detail` points into a live allocation.
    pub const unsafe fn address(detail: *const Self) -> *const c_char {
        // SAFETY: the caller's contract.
        unsafe { (&raw const (*detail).bytes).cast() }
    }
}

impl<const ROOM: usize> Default for Detail<ROOM> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const ROOM: usize> Write for Detail<ROOM> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            // A NUL would end the text early.
            let character = if character == '\0' { ' ' } else { character };
            let end = self.length + character.len_utf8();
            if end >= ROOM {
                return Ok(());
            }
            if let Some(room) = self.bytes.get_mut(self.length..end) {
                character.encode_utf8(room);
                self.length = end;
            }
        }
        Ok(())
    }
}
