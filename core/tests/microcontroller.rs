//! The programs of docs/microcontrollers.md, as printed: the loop that collects runs here on
//! a board of this test, and under QEMU (`cargo xtask firmware`).
#![cfg(all(feature = "embedded-io-async", feature = "json"))]

mod common;

#[path = "../../tests/firmware/src/collect.rs"]
#[allow(unreachable_pub, reason = "the firmware has it in a library")]
mod collect;

use collect::{Board, collect};
use common::{bundle, error, nested_event};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use estreamer_core::session::Instant;
use estreamer_core::wire::InitialTimestamp;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

const PAGE: &str = include_str!("../../docs/microcontrollers.md");

#[test]
fn the_page_prints_the_programs_and_the_figures_that_are_tested() {
    let programs = [
        include_str!("../../tests/firmware/src/collect.rs"),
        include_str!("../../tests/firmware/src/bin/embassy/main.rs"),
    ];
    for program in programs {
        assert!(
            PAGE.contains(&format!("```rust\n{program}```\n")),
            "{program}"
        );
    }
    assert_eq!(PAGE.matches("```rust").count(), programs.len(), "no other");
    let figures = include_str!("../../tests/firmware/footprint.md");
    for row in figures.lines().filter(|line| line.starts_with('|')) {
        assert!(
            PAGE.contains(row),
            "docs/microcontrollers.md lacks a row of tests/firmware/footprint.md: {row}"
        );
    }
}

/// What a server did with one connection.
enum Act {
    Away,
    /// It sends these bytes, then closes.
    Answers(Vec<u8>),
}

#[derive(Default)]
struct Seen {
    requests: RefCell<Vec<Vec<u8>>>,
    nulls: Cell<usize>,
    /// The waits between attempts.
    waits: RefCell<Vec<u32>>,
}

struct TestBoard {
    acts: std::vec::IntoIter<Act>,
    seen: Rc<Seen>,
    stored: Vec<Vec<u8>>,
    position: u32,
}

struct Stream {
    input: Vec<u8>,
    is_requested: bool,
    seen: Rc<Seen>,
}

impl Board for TestBoard {
    type Stream = Stream;

    async fn connect(&mut self) -> Option<Stream> {
        match self.acts.next() {
            // The test is over.
            None => std::future::pending().await,
            Some(Act::Away) => None,
            Some(Act::Answers(input)) => Some(Stream {
                input,
                is_requested: false,
                seen: self.seen.clone(),
            }),
        }
    }

    async fn wait(&self, milliseconds: u32) {
        // The timer of the session never ends first.
        match milliseconds {
            5000 => std::future::pending().await,
            wait => self.seen.waits.borrow_mut().push(wait),
        }
    }

    fn now(&self) -> Instant {
        Instant(0)
    }

    fn store(&mut self, event: &[u8]) {
        self.stored.push(event.to_vec());
    }

    fn store_position(&mut self, second: u32) {
        self.position = second;
    }
}

impl ErrorType for Stream {
    type Error = ErrorKind;
}

impl Read for Stream {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        let mut was_pending = false;
        poll_fn(|_| match std::mem::replace(&mut was_pending, true) {
            false => Poll::Pending,
            true => Poll::Ready(()),
        })
        .await;
        let count = self.input.len().min(out.len()).min(7);
        out[..count].copy_from_slice(&self.input[..count]);
        self.input.drain(..count);
        Ok(count)
    }
}

impl Write for Stream {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        match std::mem::replace(&mut self.is_requested, true) {
            false => self.seen.requests.borrow_mut().push(bytes.to_vec()),
            true => self.seen.nulls.set(self.seen.nulls.get() + bytes.len() / 8),
        }
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

#[test]
fn a_board_connects_again_and_goes_on_where_it_ended() {
    let events = |data: &[&[u8]]| -> Vec<u8> {
        let nested = data.iter().map(|data| nested_event(data));
        nested.collect::<Vec<_>>().concat()
    };
    let first = [
        bundle(1, &events(&[b"{1}", b"{2}"])),
        bundle(2, &events(&[&[b'x'; 5000]])),
        bundle(3, &events(&[b"{3}"])),
    ];
    let second = [bundle(1, &events(&[b"{3}"])), error(7, "bye")];
    let acts = vec![
        Act::Away,
        Act::Away,
        Act::Answers(first.concat()),
        Act::Answers(Vec::new()),
        Act::Answers(second.concat()),
    ];
    let seen = Rc::new(Seen::default());
    let mut board = TestBoard {
        acts: acts.into_iter(),
        seen: seen.clone(),
        stored: Vec::new(),
        position: 0,
    };
    let mut window = [0; 1024];
    {
        let mut collecting = pin!(collect(&mut board, InitialTimestamp::OLDEST, &mut window));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..10_000 {
            assert!(collecting.as_mut().poll(&mut context).is_pending());
        }
    }
    // What is larger than the window is skipped; the server repeats the last second.
    let expected: [&[u8]; 4] = [b"{1}", b"{2}", b"{3}", b"{3}"];
    assert_eq!(board.stored, expected);
    assert_eq!(board.position, 1);
    assert_eq!(*seen.waits.borrow(), [1000, 2000, 1000, 2000, 1000]);
    assert_eq!(seen.nulls.get(), 4, "one for each bundle");
    let requests = seen.requests.borrow();
    let starts = requests.iter().map(|request| request[8..12].to_vec());
    let starts: Vec<_> = starts.collect();
    assert_eq!(starts, [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1]]);
}
