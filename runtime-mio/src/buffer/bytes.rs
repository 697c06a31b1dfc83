//! A buffer for bytes of a stream.

/// A buffer that is filled at its end and consumed at its front.
#[derive(Debug)]
pub(crate) struct ByteBuffer {
    buffer: Vec<u8>,
    size: usize,
    start: usize,
    end: usize,
}

impl ByteBuffer {
    /// Creates a buffer of `size` bytes, which are allocated at the first use.
    pub(crate) fn new(size: usize) -> Self {
        Self {
            buffer: Vec::new(),
            size,
            start: 0,
            end: 0,
        }
    }

    /// Creates a buffer that holds these bytes and has no room.
    pub(crate) fn holding(bytes: &[u8]) -> Self {
        Self {
            buffer: bytes.to_vec(),
            size: bytes.len(),
            start: 0,
            end: bytes.len(),
        }
    }

    /// Returns how many bytes it holds at most, unless it grows.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Returns the unread bytes.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Returns the unread bytes, to be changed in place.
    pub(crate) fn unread_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..self.end]
    }

    /// Removes `bytes` at the front.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.start += bytes.min(self.end - self.start);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Returns room to read into: the buffer's size less the unread bytes.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.room_for(self.size.saturating_sub(self.end - self.start))
    }

    /// Returns room of at least so many bytes. The buffer grows if it has to; the
    /// unread bytes move to the front first.
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

    /// Says that the first `bytes` of the room are filled.
    pub(crate) fn filled(&mut self, bytes: usize) {
        self.end += bytes.min(self.buffer.len() - self.end);
    }

    /// Appends bytes. The buffer grows if it has to.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.room_for(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.filled(bytes.len());
    }

    /// Moves bytes from the front into `room` and returns how many.
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
        let mut buffer = ByteBuffer::new(8);
        buffer.room().copy_from_slice(b"abcdefgh");
        buffer.filled(8);
        buffer.consume(5);
        assert_eq!(buffer.room().len(), 5);
        assert_eq!(buffer.unread(), b"fgh");
        buffer.room()[..1].copy_from_slice(b"i");
        buffer.filled(1);
        assert_eq!(buffer.unread(), b"fghi");
        buffer.consume(4);
        assert_eq!(buffer.room().len(), 8, "an empty buffer is all room");
    }

    #[test]
    fn a_buffer_grows_for_what_is_put_and_gives_it_back_in_order() {
        let mut buffer = ByteBuffer::new(0);
        assert_eq!(buffer.room(), b"");
        buffer.put(b"abc");
        let mut two = [0; 2];
        assert_eq!(buffer.give(&mut two), 2);
        buffer.put(b"defgh");
        let mut all = [0; 9];
        assert_eq!(buffer.give(&mut all), 6);
        assert_eq!((&two, &all[..6]), (b"ab", b"cdefgh".as_slice()));
        assert_eq!(buffer.give(&mut all), 0);
    }
}
