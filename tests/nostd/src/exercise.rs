//! The calls that are to work without an operating system.

use core::fmt::{self, Write};
use core::hint::black_box;

use estreamer_conversation::{Note, hold};
use estreamer_core::fqe::EventKind;
use estreamer_core::wire::Message;

/// Whether the client's conversation went as scripted, and the server's side of
/// its request is as readable.
pub fn exercise() -> bool {
    let mut readable = false;
    let conversation = hold(&mut |note| match note {
        Note::Sent(bytes) if !readable => readable = is_readable(bytes),
        // The compiler does not know that the rest goes nowhere.
        note => _ = black_box(note),
    });
    conversation.is_ok() && readable
}

/// Whether a server can make sense of the request, and a person.
fn is_readable(request: &[u8]) -> bool {
    let Ok(((_, message), [])) = Message::parse(black_box(request)) else {
        return false;
    };
    let Message::Request(request) = message else {
        return false;
    };
    let asks = request
        .parse_json()
        .is_ok_and(|asked| asked.has(EventKind::Intrusion) && !asked.has(EventKind::File));
    let mut line = Line(0);
    asks && write!(line, "{message}").is_ok() && line.0 > 0
}

/// Where a line goes when there is nowhere to write it: its length.
struct Line(usize);

impl Write for Line {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0 += part.len();
        Ok(())
    }
}
