//! The loop that collects, without executor, timer and server, to be weighed like the
//! session in `footprint`. The compiler knows nothing about what the board does.

#![no_std]
#![no_main]

use core::hint::black_box;
use core::pin::pin;
use core::task::{Context, Waker};

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use estreamer_core::session::Instant;
use estreamer_core::wire::InitialTimestamp;
use estreamer_firmware::collect::{Board, collect};

struct Unknown;

impl ErrorType for Unknown {
    type Error = ErrorKind;
}

impl Read for Unknown {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        Ok(black_box(black_box(out).len()))
    }
}

impl Write for Unknown {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        Ok(black_box(black_box(bytes).len()))
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        black_box(Ok(()))
    }
}

impl Board for Unknown {
    type Stream = Self;

    async fn connect(&mut self) -> Option<Self> {
        match black_box(false) {
            true => Some(Self),
            false => estreamer_firmware::finish(black_box(true)),
        }
    }

    async fn wait(&self, milliseconds: u32) {
        black_box(milliseconds);
    }

    fn now(&self) -> Instant {
        black_box(Instant(0))
    }

    fn store(&mut self, event: &[u8]) {
        black_box(event);
    }

    fn store_position(&mut self, second: u32) {
        black_box(second);
    }
}

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut window = black_box([0; 4096]);
    let from = black_box(InitialTimestamp::OLDEST);
    let mut board = black_box(Unknown);
    let collecting = pin!(collect(&mut board, from, &mut window));
    let mut context = Context::from_waker(Waker::noop());
    let _ = black_box(collecting.poll(&mut context));
    estreamer_firmware::finish(false)
}
