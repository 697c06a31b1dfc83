//! Bytes on their way: filled at the end, consumed at the front.

use crate::transport::{Broken, Fill, Transport};

/// A buffer that is filled at its end and consumed at its front.
#[derive(Debug)]
pub(crate) struct Window {
    buffer: Vec<u8>,
    size: usize,
    start: usize,
    end: usize,
}

impl Window {
    /// A window of `size` bytes; the memory comes with the first use.
    pub(crate) fn new(size: usize) -> Self {
        Self {
            buffer: Vec::new(),
            size,
            start: 0,
            end: 0,
        }
    }

    /// Whether it has no memory yet.
    pub(crate) fn is_bare(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The unread bytes.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The unread bytes, to be worked on in place.
    pub(crate) fn unread_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..self.end]
    }

    /// The reader is done with `bytes` at the front.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.start += bytes.min(self.end - self.start);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Room to read into: what the window's size leaves beside the unread bytes.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.room_for(self.size.saturating_sub(self.end - self.start))
    }

    /// Room of at least so many bytes, for which the window grows if it must.
    /// The unread bytes move to the front only when they are in the way.
    pub(crate) fn room_for(&mut self, bytes: usize) -> &mut [u8] {
        if self.buffer.len() - self.end < bytes {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < bytes {
            self.buffer.resize(self.end + bytes, 0);
        }
        &mut self.buffer[self.end..]
    }

    /// Fills the room from the transport.
    pub(crate) fn fill(&mut self, transport: &mut Transport) -> Result<Fill, Broken> {
        let fill = transport.fill(self.room())?;
        if let Fill::Bytes(count) = fill {
            self.filled(count);
        }
        Ok(fill)
    }

    /// So many bytes of the room hold data now.
    pub(crate) fn filled(&mut self, bytes: usize) {
        self.end += bytes.min(self.buffer.len() - self.end);
    }

    /// Adds bytes, for which the window grows if it must.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.room_for(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.filled(bytes.len());
    }

    /// Moves bytes from the front into `room`; returns how many.
    pub(crate) fn give(&mut self, room: &mut [u8]) -> usize {
        let count = room.len().min(self.end - self.start);
        room[..count].copy_from_slice(&self.unread()[..count]);
        self.consume(count);
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unread_bytes_survive_the_move_to_the_front() {
        let mut window = Window::new(8);
        window.room().copy_from_slice(b"abcdefgh");
        window.filled(8);
        window.consume(5);
        assert_eq!(window.room().len(), 5);
        assert_eq!(window.unread(), b"fgh");
        window.room()[..1].copy_from_slice(b"i");
        window.filled(1);
        assert_eq!(window.unread(), b"fghi");
        window.consume(4);
        assert_eq!(window.room().len(), 8, "an empty window is all room");
    }

    #[test]
    fn a_window_grows_for_what_is_put_and_gives_it_back_in_order() {
        let mut window = Window::new(0);
        assert!(window.is_bare());
        assert_eq!(window.room(), b"");
        window.put(b"abc");
        let mut two = [0; 2];
        assert_eq!(window.give(&mut two), 2);
        window.put(b"defgh");
        let mut all = [0; 9];
        assert_eq!(window.give(&mut all), 6);
        assert_eq!((&two, &all[..6]), (b"ab", b"cdefgh".as_slice()));
        assert_eq!(window.give(&mut all), 0);
    }
}
