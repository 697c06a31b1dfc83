//! A server's receive window: the bytes its session has not consumed yet.

use crate::transport::{Broken, Fill, Transport};

/// A fixed buffer that is filled at its end and consumed at its front.
#[derive(Debug)]
pub(crate) struct Window {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Window {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            buffer: vec![0; size].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }

    /// The unread bytes.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The session is done with `bytes` at the front.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Room to read into. What is left of a message moves to the front only when
    /// the end is reached, so each byte moves at most once for each window read.
    fn room(&mut self) -> &mut [u8] {
        if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
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
    fn filled(&mut self, bytes: usize) {
        self.end = (self.end + bytes).min(self.buffer.len());
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
}
