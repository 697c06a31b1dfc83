//! What fuzzers call: plain functions over bytes that panic when a promise is
//! broken, so that a stable toolchain can replay a corpus as a test.
//!
//! - `decode`: a stream means the same however it is chopped up, and each of
//!   its bytes belongs to one message.
//! - `parse`: reading whole messages and decoding a stream agree.
//! - `roundtrip`: what is written reads back as what it was.
//! - `session`: a client acknowledges each unit once, and never sleeps past
//!   or spins at a deadline.
//! - `pair`: a client and a server lose, double and block nothing.
//! - `request`: a request is judged the same in every dress.
//!
//! Work is counted in steps, never in seconds: a slow machine finds the same.

mod account;
mod choices;
pub mod corpus;
mod decode;
pub mod pair;
mod parse;
mod request;
mod roundtrip;
mod session;

use crate::wire::{Event, EventNumber, Header, Message, RecordLength, RecordReader};

pub use choices::Choices;
pub use decode::decode;
pub use pair::pair;
pub use parse::parse;
pub use request::request;
pub use roundtrip::roundtrip;
pub use session::session;

/// Reads a message that was written by the rules, whatever its data looks like.
fn read_strictly(message: &[u8]) -> Message<'_> {
    let (header, body) = Header::parse(message).expect("a header");
    match EventNumber::from_message_type(header.message_type) {
        Some(number) => {
            let mut strict = RecordReader::new(RecordLength::Data, None);
            let event = Event::parse_with(number, body, &mut strict);
            Message::Event(event.expect("what was written reads"))
        }
        None => Message::parse(message).expect("what was written reads").0.1,
    }
}

/// A target's name, which is its corpus' too, and what it runs.
pub type Target = (&'static str, fn(&[u8]));

/// The targets here.
pub const TARGETS: &[Target] = &[
    ("decode", decode),
    ("parse", parse),
    ("roundtrip", roundtrip),
    ("session", session),
    ("pair", pair),
    ("request", request),
];
