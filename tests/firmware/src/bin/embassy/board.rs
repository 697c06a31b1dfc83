//! The emulated board of the async client: a timer, and a scripted server in place of TCP
//! and TLS.

use core::cell::RefCell;
use core::future::poll_fn;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Poll, Waker};

use cortex_m::Peripherals;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use critical_section::Mutex;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use estreamer_conversation::{CSV, JSON, LARGE, Server};
use estreamer_core::session::Instant;
use estreamer_firmware::collect::Board;
use estreamer_firmware::{finish, semihosting, stack};

/// Cycles of the processor in a millisecond.
const MILLISECOND: u32 = 12_000;

static NOW: AtomicU32 = AtomicU32::new(0);
static WAKER: Mutex<RefCell<Option<Waker>>> = Mutex::new(RefCell::new(None));
/// The second from which events were last requested.
static FROM: AtomicU32 = AtomicU32::new(u32::MAX);

/// The second at which the last event of the script was archived.
const LAST: u32 = 0x67eb_b2c1;

/// The board. Its server is away at first, then answers twice; then the image ends.
pub(crate) struct EmulatedBoard {
    attempts: u32,
    /// Events that were right, and all.
    right: u32,
    stored: u32,
    position: u32,
}

impl EmulatedBoard {
    /// Starts the timer.
    pub(crate) fn start() -> Self {
        if let Some(mut peripherals) = Peripherals::take() {
            let timer = &mut peripherals.SYST;
            timer.set_clock_source(SystClkSource::Core);
            timer.set_reload(MILLISECOND - 1);
            timer.clear_current();
            timer.enable_counter();
            timer.enable_interrupt();
        }
        Self {
            attempts: 0,
            right: 0,
            stored: 0,
            position: 0,
        }
    }
}

impl Board for EmulatedBoard {
    type Stream = Uplink;

    async fn connect(&mut self) -> Option<Uplink> {
        self.attempts += 1;
        wait(3).await;
        match self.attempts {
            1 => None,
            2 | 3 => Some(Uplink::default()),
            _ => {
                semihosting::print("stack", stack::used());
                // The second request continued where the first session ended.
                let from = FROM.load(Ordering::Relaxed);
                finish((self.right, self.stored, self.position, from) == (6, 6, LAST, LAST))
            }
        }
    }

    async fn wait(&self, milliseconds: u32) {
        wait(milliseconds).await;
    }

    fn now(&self) -> Instant {
        Instant(NOW.load(Ordering::Relaxed).into())
    }

    fn store(&mut self, event: &[u8]) {
        let expected = [CSV, JSON, LARGE][self.stored as usize % 3];
        self.right += u32::from(event == expected);
        self.stored += 1;
    }

    fn store_position(&mut self, second: u32) {
        self.position = second;
    }
}

/// Waits for the timer.
async fn wait(milliseconds: u32) {
    let start = NOW.load(Ordering::Relaxed);
    poll_fn(|context| {
        if NOW.load(Ordering::Relaxed).wrapping_sub(start) >= milliseconds {
            return Poll::Ready(());
        }
        critical_section::with(|section| {
            WAKER
                .borrow_ref_mut(section)
                .replace(context.waker().clone());
        });
        Poll::Pending
    })
    .await;
}

#[exception]
fn SysTick() {
    // This processor has no other writer.
    NOW.store(
        NOW.load(Ordering::Relaxed).wrapping_add(1),
        Ordering::Relaxed,
    );
    let waker = critical_section::with(|section| WAKER.borrow_ref_mut(section).take());
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// A connection. A chunk of bytes takes a millisecond.
#[derive(Default)]
pub(crate) struct Uplink {
    server: Server,
    has_request: bool,
}

impl ErrorType for Uplink {
    type Error = ErrorKind;
}

impl Read for Uplink {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        wait(1).await;
        Ok(self.server.send(out))
    }
}

impl Write for Uplink {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        wait(1).await;
        if !self.has_request
            && let Some(from) = bytes.get(8..).and_then(<[u8]>::first_chunk)
        {
            self.has_request = true;
            FROM.store(u32::from_be_bytes(*from), Ordering::Relaxed);
        }
        match self.server.receive(bytes) {
            true => Ok(bytes.len()),
            false => Err(ErrorKind::InvalidData),
        }
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}
