//! The conversation with a log.

use estreamer_conversation::{Note, hold};
use estreamer_core::decode::{Frame, Kind};

/// How an event stream request begins; its JSON block begins 16 bytes on.
const REQUEST: &[u8] = &[0, 1, 0, 2];

/// Whether the conversation went as scripted.
pub fn exercise() -> bool {
    match hold(&mut log) {
        Ok(()) => {
            defmt::info!("the conversation went as scripted");
            true
        }
        Err(complaint) => {
            defmt::error!("not as scripted: {=str}", complaint);
            false
        }
    }
}

fn log(note: Note<'_>) {
    match note {
        Note::Sent(bytes) if bytes.starts_with(REQUEST) => {
            defmt::info!("request {=[u8]:a}", &bytes[16..]);
        }
        Note::Sent(bytes) => defmt::info!("sent {=[u8]:02x}", bytes),
        Note::Received(Frame::Message { head, .. }, body) => match head.kind {
            Kind::Event { record, .. } => defmt::info!("{} {=[u8]:a}", record, body),
            Kind::Malformed(malformed) => defmt::warn!("survived {}: {}", malformed, head.header),
            kind => defmt::info!("{} {=[u8]:a}", kind, body),
        },
        Note::Received(Frame::Chunk { .. }, piece) => {
            defmt::debug!("a piece of {=usize} bytes", piece.len());
        }
        Note::Received(frame, _) => defmt::info!("{}", frame),
        Note::Ended(end) => defmt::info!("ended: {}", end),
    }
}
