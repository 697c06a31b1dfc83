//! The application: what a board's main loop does, and whether all went well.

use estreamer_core::decode::{Frame, Kind};
use estreamer_core::fqe::{EventKind, Request, Transform};
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::session::{ClientConfig, ClientSession, End, Instant};
use estreamer_core::wire::{DataForm, Expected, InitialTimestamp};

use crate::server::{CODE, CSV, JSON, LARGE, Server};

const WINDOW: usize = 1024;

/// What happened, for a log.
pub enum Note<'a> {
    /// Bytes went out.
    Sent(&'a [u8]),
    /// A frame came in; the bytes are its variable part or the next piece of it.
    Received(&'a Frame, &'a [u8]),
    /// The session ended.
    Ended(End),
}

/// Holds the conversation from request to end.
///
/// # Errors
/// What was not as it should be.
pub fn hold(note: &mut dyn FnMut(Note<'_>)) -> Result<(), &'static str> {
    let mut server = Server::default();
    let mut seen = Seen::default();
    let mut out = [0; 512];
    let request = request(&mut out)?;
    note(Note::Sent(request));
    server.receive(request);

    let mut now = Instant(0);
    let mut session = ClientSession::new(WINDOW, config(), now).map_err(|_| "the configuration")?;
    let mut window = [0; WINDOW];
    let mut filled = 0;
    let end = loop {
        // Each read takes a millisecond here.
        now = now.after(1);
        let length = server.send(&mut window[filled..]);
        if length == 0 {
            break session.handle_eof();
        }
        filled += length;
        let mut done = 0;
        loop {
            let input = &window[done..filled];
            let Ok(step) = session.step(input, now) else {
                break;
            };
            if let Some(frame) = &step.frame {
                let body = body(frame, input);
                note(Note::Received(frame, body));
                seen.look(frame, body);
                if *frame == Frame::BundleEnd {
                    session.delivered(session.received());
                }
            } else if step.consumed == 0 {
                break;
            }
            done += step.consumed;
        }
        if let Some(end) = session.end() {
            break end;
        }
        window.copy_within(done..filled, 0);
        filled -= done;

        let mut out = [0; 64];
        let length = session.poll_transmit(&mut out, now);
        if length > 0 {
            note(Note::Sent(&out[..length]));
            if !server.receive(&out[..length]) {
                return Err("something else than nulls went out");
            }
        }
    };
    note(Note::Ended(end));

    let statistics = session.statistics();
    let deviations = statistics.deviations;
    for (is_so, complaint) in [
        (end == End::PeerError { code: CODE }, "not the server's end"),
        (server.nulls() == 3, "not one null for each bundle"),
        (statistics.bundles == 3, "not three bundles"),
        (statistics.events == 4, "not four records"),
        (
            deviations.of(Quirk::RecordMalformed) == 1,
            "the malformed record",
        ),
        (
            deviations.of(Quirk::RecordCoversExtension) == 1,
            "the reading of the record length",
        ),
        (
            deviations.of(Quirk::NestedVersion0) == 4,
            "the nested versions",
        ),
        (seen.csv, "the CSV event"),
        (seen.json, "the JSON event"),
        (seen.large == LARGE.len(), "the large event"),
    ] {
        if !is_so {
            return Err(complaint);
        }
    }
    Ok(())
}

fn config() -> ClientConfig {
    let mut config = ClientConfig::default();
    // Every acknowledgement follows delivery.
    config.ahead = 0;
    config.expected = Some(Expected {
        extended: true,
        form: DataForm::Text,
    });
    config
}

fn request(out: &mut [u8]) -> Result<&[u8], &'static str> {
    Request::new(InitialTimestamp::OLDEST)
        .event(EventKind::Connection, &["InitiatorIP", "ResponderIP"])
        .event(EventKind::Intrusion, &["Impact"])
        .transform(Transform::Csv)
        .emit(Quirks::NONE, out)
        .map_err(|_| "the request")
}

fn body<'a>(frame: &Frame, input: &'a [u8]) -> &'a [u8] {
    match frame {
        Frame::Message { body, .. } | Frame::Chunk { body } => body.of(input),
        _ => &[],
    }
}

/// Which of the script's events came whole.
#[derive(Default)]
struct Seen {
    csv: bool,
    json: bool,
    /// Bytes of the large one that were right.
    large: usize,
}

impl Seen {
    fn look(&mut self, frame: &Frame, body: &[u8]) {
        match frame {
            Frame::Message { head, .. } if matches!(head.kind, Kind::Event { .. }) => {
                self.csv |= body == CSV;
                // Only what follows the malformed record counts.
                self.json |= self.csv && body == JSON;
            }
            Frame::Chunk { .. } if LARGE[self.large..].starts_with(body) => {
                self.large += body.len();
            }
            _ => {}
        }
    }
}
