//! Fuzz targets: functions over bytes that panic if a guarantee is broken. A stable
//! toolchain replays the corpus as a test.
//!
//! - `decode`: the result does not depend on how a stream is split, and each byte
//!   belongs to one message.
//! - `parse`: parsing whole messages and decoding a stream give the same result.
//! - `roundtrip`: written messages read back unchanged.
//! - `session`: a client acknowledges each unit once, and handles each deadline once.
//! - `pair`: a client and a server lose and duplicate nothing, and do not block.
//! - `request`: a request parses to the same result in every form.
//! - `drivers`: the blocking and the async client give the same frames.
//!
//! Work is limited by steps, not by time, so results do not depend on the machine.

mod account;
mod choices;
pub mod corpus;
mod decode;
mod drivers;
pub mod pair;
mod parse;
mod request;
mod roundtrip;
mod session;
pub mod stream;
mod transcript;

use crate::wire::{Event, EventNumber, Header, Message, RecordLength, RecordReader};

pub use choices::Choices;
pub use decode::decode;
pub use drivers::drivers;
pub use pair::pair;
pub use parse::parse;
pub use request::request;
pub use roundtrip::roundtrip;
pub use session::session;

/// Reads a message that was written as the guide describes it. Its data may look like
/// another layout.
fn read_strictly(message: &[u8]) -> Message<'_> {
    let (header, body) = Header::parse(message).expect("a header");
    match EventNumber::from_message_type(header.message_type) {
        Some(number) => {
            let mut strict = RecordReader::new(RecordLength::Data, None);
            let event = Event::parse_with(number, body, &mut strict);
            Message::Event(event.expect("a written message parses"))
        }
        None => {
            Message::parse(message)
                .expect("a written message parses")
                .0
                .1
        }
    }
}

/// A fuzz target: its name, which is also that of its corpus, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    ("decode", decode),
    ("parse", parse),
    ("roundtrip", roundtrip),
    ("session", session),
    ("pair", pair),
    ("request", request),
    ("drivers", drivers),
];
