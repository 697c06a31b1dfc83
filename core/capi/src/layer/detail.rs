//! What exactly went wrong, for a person.

use core::ffi::c_char;
use core::fmt::{self, Write};

/// Bytes of a text, its NUL included.
const ROOM: usize = 256;

/// A text that C can read: ends with NUL, cut where it is too long.
pub struct Detail {
    bytes: [u8; ROOM],
    length: usize,
}

impl Detail {
    /// No text yet.
    pub const fn new() -> Self {
        Self {
            bytes: [0; ROOM],
            length: 0,
        }
    }

    /// Replaces the text.
    pub fn set(&mut self, text: impl fmt::Display) {
        self.length = 0;
        // It never fails: what does not fit is left out.
        let _ = write!(self, "{text}");
        if let Some(end) = self.bytes.get_mut(self.length) {
            *end = 0;
        }
    }

    /// Where C finds it.
    pub const fn as_ptr(&self) -> *const c_char {
        self.bytes.as_ptr().cast()
    }
}

impl Default for Detail {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for Detail {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            // A NUL would hide what follows.
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
