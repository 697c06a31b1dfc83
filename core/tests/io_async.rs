//! The async client over a scripted stream: what it does apart from the blocking client,
//! which is how it waits, writes and reads.
#![cfg(feature = "embedded-io-async")]

mod common;

use common::{bundle, nested_event, null, with};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use estreamer_core::decode::Frame;
use estreamer_core::io::{AsyncClient, IoError};
use estreamer_core::session::{ClientConfig, End, Instant};
use estreamer_core::wire::{ErrorMessage, Message};
use std::collections::VecDeque;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// A stream that is always ready. Without a script, it takes everything and ends.
#[derive(Default)]
struct Script {
    reads: VecDeque<Result<Vec<u8>, ErrorKind>>,
    writes: VecDeque<Result<usize, ErrorKind>>,
    sent: Vec<u8>,
    flushed: usize,
}

impl ErrorType for Script {
    type Error = ErrorKind;
}

impl Read for Script {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        assert_eq!(self.flushed, self.sent.len(), "it waits with bytes unsent");
        let bytes = self.reads.pop_front().unwrap_or(Ok(Vec::new()))?;
        out[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Write for Script {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let count = self.writes.pop_front().unwrap_or(Ok(bytes.len()))?;
        let count = count.min(bytes.len());
        self.sent.extend(&bytes[..count]);
        Ok(count)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        self.flushed = self.sent.len();
        Ok(())
    }
}

const REQUEST: &[u8] = b"any bytes will do";

#[track_caller]
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the stream is always ready"),
    }
}

fn start<'w>(script: &'w mut Script, window: &'w mut [u8]) -> AsyncClient<'w, &'w mut Script> {
    let config = with(ClientConfig::default(), |it| it.ahead = 0);
    ready(AsyncClient::start(
        script,
        REQUEST,
        window,
        config,
        Instant(0),
    ))
    .unwrap()
}

/// Delivers until the client fails. Returns how many events came, and the failure.
fn run(client: &mut AsyncClient<'_, &mut Script>) -> (usize, IoError<ErrorKind>) {
    let mut events = 0;
    loop {
        match ready(client.next(Instant(0))) {
            Err(error) => return (events, error),
            Ok(received) => match received.frame {
                Frame::Message { .. } => events += 1,
                Frame::BundleEnd => client.delivered(),
                _ => {}
            },
        }
    }
}

#[test]
fn interrupted_calls_are_repeated_and_other_errors_returned() {
    let bytes = bundle(1, &nested_event(b"one"));
    let (first, rest) = bytes.split_at(9);
    let mut script = Script {
        reads: [
            Err(ErrorKind::Interrupted),
            Ok(first.to_vec()),
            Err(ErrorKind::TimedOut),
            Ok(rest.to_vec()),
        ]
        .into(),
        writes: [Err(ErrorKind::Interrupted), Ok(4)].into(),
        ..Script::default()
    };
    let mut window = [0; 256];
    let mut client = start(&mut script, &mut window);
    assert_eq!(run(&mut client), (0, IoError::Io(ErrorKind::TimedOut)));
    // A null that is half gone is continued.
    client.io_mut().writes = [Ok(3), Err(ErrorKind::TimedOut)].into();
    assert_eq!(run(&mut client), (1, IoError::Io(ErrorKind::TimedOut)));
    client.io_mut().writes = [Err(ErrorKind::Interrupted), Ok(1)].into();
    assert_eq!(run(&mut client), (0, IoError::Ended(End::Idle)));
    assert_eq!(script.sent, [REQUEST, &null()].concat());
}

#[test]
fn a_stream_that_takes_nothing_is_an_error_and_no_endless_loop() {
    let mut script = Script {
        writes: [Ok(0)].into(),
        ..Script::default()
    };
    let mut window = [0; 64];
    let config = ClientConfig::default();
    let start = AsyncClient::start(&mut script, REQUEST, &mut window, config, Instant(0));
    assert_eq!(ready(start).err(), Some(IoError::WriteZero));
}

#[test]
fn closing_sends_the_reason_and_ends_the_session() {
    let mut script = Script::default();
    let mut window = [0; 256];
    let mut client = start(&mut script, &mut window);
    ready(client.close("enough")).unwrap();
    assert_eq!(client.session().end(), Some(End::Closed));
    assert_eq!(run(&mut client), (0, IoError::Ended(End::Closed)));
    let script = client.into_io();
    let farewell = Message::Error(ErrorMessage {
        code: -1,
        text: b"enough",
    });
    let mut expected = [0; 64];
    let length = farewell.emit(&mut expected).unwrap();
    assert_eq!(script.sent, [REQUEST, &expected[..length]].concat());
    assert_eq!(script.flushed, script.sent.len());
}
