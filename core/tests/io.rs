//! The blocking client over a scripted stream.
#![cfg(feature = "embedded-io")]

mod common;

use common::{Join, Seen, bundle, error, nested_event, null, with};
use embedded_io::{ErrorKind, ErrorType, Read, Write};
use estreamer_core::decode::{Frame, MIN_WINDOW};
use estreamer_core::io::{Client, IoError};
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::session::{ClientConfig, End, Instant};
use estreamer_core::wire::{ErrorMessage, Message};
use estreamer_core::{ConfigError, PeerError};
use std::collections::VecDeque;

/// The results of reading the stream. After the last one, the stream ends.
enum Act {
    Give(Vec<u8>),
    Fail(ErrorKind),
}

/// The results of writing to the stream. Without a script, it accepts everything.
enum Take {
    Bytes(usize),
    Fail(ErrorKind),
}

#[derive(Default)]
struct Script {
    acts: VecDeque<Act>,
    takes: VecDeque<Take>,
    sent: Vec<u8>,
    flushed: usize,
}

impl Script {
    fn giving(bytes: &[u8], chunk: usize) -> Self {
        let acts = bytes.chunks(chunk).map(|chunk| Act::Give(chunk.to_vec()));
        Self {
            acts: acts.collect(),
            ..Self::default()
        }
    }
}

impl ErrorType for Script {
    type Error = ErrorKind;
}

impl Read for Script {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        assert!(!out.is_empty(), "no room to read into");
        assert_eq!(self.flushed, self.sent.len(), "it waits with bytes unsent");
        match self.acts.pop_front() {
            None => Ok(0),
            Some(Act::Fail(error)) => Err(error),
            Some(Act::Give(mut bytes)) => {
                let count = bytes.len().min(out.len());
                out[..count].copy_from_slice(&bytes[..count]);
                bytes.drain(..count);
                if !bytes.is_empty() {
                    self.acts.push_front(Act::Give(bytes));
                }
                Ok(count)
            }
        }
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let count = match self.takes.pop_front() {
            None => bytes.len(),
            Some(Take::Bytes(count)) => count.min(bytes.len()),
            Some(Take::Fail(error)) => return Err(error),
        };
        self.sent.extend(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.flushed = self.sent.len();
        Ok(())
    }
}

const REQUEST: &[u8] = b"any bytes will do";

fn start<'w>(
    script: &'w mut Script,
    window: &'w mut [u8],
    config: ClientConfig,
) -> Client<'w, &'w mut Script> {
    Client::start(script, REQUEST, window, config, Instant(0)).unwrap()
}

/// Receives all frames, and marks each bundle as delivered when it is complete.
fn run(client: &mut Client<'_, &mut Script>) -> (Vec<Seen>, IoError<ErrorKind>) {
    let mut join = Join::default();
    loop {
        let received = match client.next(Instant(0)) {
            Ok(received) => received,
            Err(error) => return (join.seen, error),
        };
        // The frame with the bytes replaces the window.
        let mut frame = received.frame;
        if let Frame::Message { body, .. } | Frame::Chunk { body } = &mut frame {
            assert_eq!(body.len, received.bytes.len());
            body.start = 0;
        }
        join.add(&frame, received.bytes);
        if frame == Frame::BundleEnd {
            client.delivered();
        }
    }
}

fn conversation() -> Vec<u8> {
    let large = nested_event(&[b'x'; 500]);
    let nested = [nested_event(b"one"), large, nested_event(b"two")].concat();
    [
        null(),
        bundle(1, &nested),
        bundle(2, &nested_event(b"three")),
        error(9, "gone"),
    ]
    .concat()
}

#[test]
fn any_reads_and_any_window_give_the_same_events_and_nulls() {
    let mut expected = None;
    for window in [64, 100, 4096] {
        for chunk in [1, 7, 64, 10_000] {
            for ahead in [0, 1, 16] {
                let mut script = Script::giving(&conversation(), chunk);
                let mut window = vec![0; window];
                let config = with(ClientConfig::default(), |it| {
                    it.ahead = ahead;
                });
                let mut client = start(&mut script, &mut window, config);
                let (seen, end) = run(&mut client);
                assert_eq!(end, IoError::Ended(End::PeerError { code: 9 }));
                assert_eq!(client.session().received(), 2);
                assert_eq!(*expected.get_or_insert_with(|| seen.clone()), seen);
                // A bundle that arrives together with the error gets no null.
                let nulls = &script.sent[REQUEST.len()..];
                let count = nulls.len() / 8;
                assert_eq!(nulls, null().repeat(count));
                assert!(
                    count <= 2 && (chunk > 1 || count == 2),
                    "{count} of {chunk}"
                );
            }
        }
    }
    assert_eq!(expected.unwrap().len(), 10);
}

#[test]
fn short_writes_lose_and_double_nothing() {
    for first in 0..8 {
        let mut script = Script::giving(&bundle(1, b"").repeat(6), 48);
        // The request at once, then byte by byte with interruptions.
        script.takes.push_back(Take::Bytes(3));
        script.takes.push_back(Take::Bytes(100));
        script.takes.push_back(Take::Bytes(first + 1));
        script.takes.push_back(Take::Fail(ErrorKind::Interrupted));
        script.takes.extend((0..20).map(|_| Take::Bytes(1)));
        let mut window = [0; 256];
        let mut client = start(&mut script, &mut window, ClientConfig::default());
        assert_eq!(run(&mut client).1, IoError::Ended(End::Idle));
        assert_eq!(script.sent, [REQUEST.to_vec(), null().repeat(6)].concat());
    }
}

#[test]
fn a_write_that_timed_out_goes_on_where_it_stopped() {
    let mut script = Script::giving(&bundle(1, b""), 100);
    let tail = [
        Take::Bytes(3),
        Take::Fail(ErrorKind::TimedOut),
        Take::Fail(ErrorKind::TimedOut),
    ];
    script.takes.push_back(Take::Bytes(100));
    script.takes.extend(tail);
    let mut window = [0; 64];
    let mut client = start(&mut script, &mut window, ClientConfig::default());
    let timeout = IoError::Io(ErrorKind::TimedOut);
    assert_eq!(run(&mut client).1, timeout);
    assert_eq!(client.next(Instant(0)), Err(timeout));
    assert_eq!(client.next(Instant(0)), Err(IoError::Ended(End::Idle)));
    assert_eq!(script.sent, [REQUEST.to_vec(), null()].concat());
}

#[test]
fn a_stream_that_takes_nothing_is_an_error_and_no_endless_loop() {
    let mut script = Script::default();
    script.takes.push_back(Take::Bytes(0));
    let mut window = [0; 64];
    let config = ClientConfig::default();
    let client = Client::start(&mut script, REQUEST, &mut window, config, Instant(0));
    assert_eq!(client.map(|_| ()), Err(IoError::WriteZero));
}

#[test]
fn a_request_that_cannot_be_sent_is_the_streams_error() {
    let mut script = Script::default();
    script.takes.push_back(Take::Fail(ErrorKind::BrokenPipe));
    let mut window = [0; 64];
    let config = ClientConfig::default();
    let client = Client::start(&mut script, REQUEST, &mut window, config, Instant(0));
    assert_eq!(client.map(|_| ()), Err(IoError::Io(ErrorKind::BrokenPipe)));
}

#[test]
fn the_streams_end_is_told_apart_by_where_it_falls() {
    let whole = bundle(1, &nested_event(&[b'x'; 200]));
    for cut in 0..=whole.len() {
        let mut script = Script::giving(&whole[..cut], 50);
        let mut window = [0; 64];
        let mut client = start(&mut script, &mut window, ClientConfig::default());
        let expected = match cut {
            0 => End::BeforeFirstByte,
            _ if cut == whole.len() => End::Idle,
            _ => End::MidMessage,
        };
        assert_eq!(run(&mut client).1, IoError::Ended(expected));
        assert_eq!(
            client.next(Instant(0)),
            Err(IoError::Ended(expected)),
            "for good"
        );
    }
}

#[test]
fn a_read_error_passes_and_the_call_can_be_repeated() {
    let bytes = bundle(1, &nested_event(b"data"));
    for cut in 0..bytes.len() {
        let (one, two) = bytes.split_at(cut);
        let mut script = Script::giving(one, 5);
        script.acts.push_back(Act::Fail(ErrorKind::Interrupted));
        script.acts.push_back(Act::Fail(ErrorKind::TimedOut));
        script.acts.push_back(Act::Give(two.to_vec()));
        let mut window = [0; 64];
        let mut client = start(&mut script, &mut window, ClientConfig::default());
        let (mut seen, error) = run(&mut client);
        assert_eq!(error, IoError::Io(ErrorKind::TimedOut));
        let (rest, error) = run(&mut client);
        assert_eq!(error, IoError::Ended(End::Idle));
        seen.extend(rest);
        assert_eq!(seen[1].body(), b"data");
        assert_eq!(seen.len(), 3);
    }
}

#[test]
fn a_silent_peer_is_probed_and_then_given_up_by_reads_that_time_out() {
    let mut script = Script::default();
    for _ in 0..20 {
        script.acts.push_back(Act::Fail(ErrorKind::TimedOut));
    }
    let mut window = [0; 64];
    let mut client = start(&mut script, &mut window, ClientConfig::default());
    let mut now = 0;
    let end = loop {
        match client.next(Instant(now)) {
            Err(IoError::Io(ErrorKind::TimedOut)) => now += 50_000,
            other => break other,
        }
    };
    assert_eq!(end, Err(IoError::Ended(End::PeerSilent)));
    assert_eq!(now, 600_000);
    assert_eq!(script.sent, [REQUEST.to_vec(), null()].concat());
}

#[test]
fn the_callers_own_time_is_no_silence_of_the_peers() {
    let mut script = Script::giving(&null().repeat(2), 8);
    script.acts.push_back(Act::Fail(ErrorKind::TimedOut));
    let mut window = [0; 64];
    let mut client = start(&mut script, &mut window, ClientConfig::default());
    assert!(client.next(Instant(0)).is_ok());
    // The caller spends an hour on one frame.
    assert!(client.next(Instant(3_600_000)).is_ok());
    let timeout = client.next(Instant(7_200_000)).map(|_| ());
    assert_eq!(timeout, Err(IoError::Io(ErrorKind::TimedOut)));
    assert_eq!(client.session().end(), None);
    // The time that it waits in a call is.
    let ended = client.next(Instant(7_800_000)).map(|_| ());
    assert_eq!(ended, Err(IoError::Ended(End::PeerSilent)));
}

#[test]
fn closing_sends_the_reason_behind_a_null_that_was_half_gone() {
    let mut script = Script::giving(&bundle(1, b""), 100);
    script.takes.push_back(Take::Bytes(100));
    script.takes.push_back(Take::Bytes(5));
    script.takes.push_back(Take::Fail(ErrorKind::TimedOut));
    let mut window = [0; 64];
    let mut client = start(&mut script, &mut window, ClientConfig::default());
    assert_eq!(run(&mut client).1, IoError::Io(ErrorKind::TimedOut));
    assert_eq!(client.close("updating"), Ok(()));
    assert_eq!(client.close("again"), Ok(()));
    assert_eq!(client.next(Instant(0)), Err(IoError::Ended(End::Closed)));
    client.io_mut().flush().unwrap();
    let sent = &client.into_io().sent[REQUEST.len()..];
    assert_eq!(sent, [null(), error(-1, "updating")].concat());
}

#[test]
fn a_reason_too_long_for_the_window_is_truncated_between_characters() {
    for nul in [false, true] {
        let quirks = match nul {
            true => Quirks::NONE.with(Quirk::ErrorNul),
            false => Quirks::NONE,
        };
        let mut script = Script::default();
        let mut window = [0; 64];
        let config = with(ClientConfig::default(), |it| {
            it.quirks = quirks;
        });
        let mut client = start(&mut script, &mut window, config);
        client.close(&"ä".repeat(100)).unwrap();
        let ((_, message), _) = Message::parse(&script.sent[REQUEST.len()..]).unwrap();
        let text = "ä".repeat(if nul { 24 } else { 25 });
        let expected = ErrorMessage {
            code: -1,
            text: text.as_bytes(),
        };
        assert_eq!(message, Message::Error(expected));
    }
}

#[test]
fn an_invalid_header_ends_the_session() {
    let mut script = Script::giving(&[9; 20], 20);
    let mut window = [0; 64];
    let mut client = start(&mut script, &mut window, ClientConfig::default());
    let (_, error) = run(&mut client);
    assert!(matches!(
        error,
        IoError::Ended(End::InvalidHeader(PeerError::InvalidHeader {
            offset: 0,
            ..
        }))
    ));
}

#[test]
fn errors_name_their_cause() {
    let errors = [
        (
            IoError::Io(std::io::Error::other("unplugged").to_string()),
            "unplugged",
        ),
        (IoError::WriteZero, "the stream accepts no more bytes"),
        (IoError::Ended(End::Closed), "closed by this side"),
        (
            IoError::Config(ConfigError::WindowTooSmall { given: 1 }),
            "window too small: 1 byte, expected at least 64",
        ),
    ];
    for (error, words) in errors {
        assert_eq!(error.to_string(), words);
    }
}

#[test]
fn the_windows_own_length_counts() {
    let mut script = Script::default();
    let config = ClientConfig::default();
    let mut small = [0; MIN_WINDOW - 1];
    let refused = Client::start(&mut script, REQUEST, &mut small, config, Instant(0));
    let error = IoError::Config(ConfigError::WindowTooSmall { given: 63 });
    assert_eq!(refused.map(|_| ()), Err(error));
    assert!(script.sent.is_empty());
}

#[cfg(feature = "json")]
#[test]
fn a_request_is_built_in_the_window_and_shows_its_quirks() {
    use estreamer_core::fqe::{EventKind, Request, RequestError};
    use estreamer_core::wire::InitialTimestamp;
    let request = Request::new(InitialTimestamp::NOW).event(EventKind::File, &["FileName"]);
    let mut expected = [0; 256];
    for quirks in [Quirks::NONE, Quirks::NONE.with(Quirk::RequestInclusive)] {
        let expected = request.emit(quirks, &mut expected).unwrap();
        let config = with(ClientConfig::default(), |it| {
            it.quirks = quirks;
        });
        let mut script = Script::giving(&bundle(1, b""), 9);
        let mut window = [0; 256];
        let client = Client::start_with(&mut script, &request, &mut window, config, Instant(0));
        assert_eq!(run(&mut client.unwrap()).0.len(), 2);
        assert_eq!(script.sent, [expected, &null()].concat());
    }
    let mut window = [0; 64];
    let mut script = Script::default();
    let config = ClientConfig::default();
    let refused = Client::start_with(&mut script, &request, &mut window, config, Instant(0));
    let error = refused.map(|_| ()).unwrap_err();
    assert!(
        matches!(error, IoError::Request(RequestError::Resource(_))),
        "{error}"
    );
}
