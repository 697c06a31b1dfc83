//! An output that is not required: it never holds anything back. What it lags
//! behind is bounded, and beyond that it drops and counts.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::layout::Layout;
use super::ledger::Ledger;
use super::order::Delivery;
use super::pipeline::lock;
use crate::config::Output;
use crate::output::destination::Destination;
use crate::output::file::Part;
use crate::output::tcp;

/// The end of it that batches are offered to.
pub(super) struct Lossy {
    layout: Layout,
    /// Bytes that may wait.
    bound: u64,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    parts: VecDeque<Part>,
    bytes: u64,
    finishing: bool,
    /// Nothing is written any more.
    ended: bool,
}

/// Before something is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// What is left at the end has so long.
const AT_THE_END: Duration = Duration::from_secs(2);

impl Lossy {
    pub(super) fn start(output: &Output) -> Self {
        let shared = Arc::<Shared>::default();
        let (of_thread, name) = (shared.clone(), output.name.clone());
        let destination = output.destination.clone();
        std::thread::spawn(move || {
            write(&name, &destination, &of_thread);
            lock(&of_thread.queue).ended = true;
            of_thread.changed.notify_all();
        });
        Self {
            layout: Layout::new(output),
            bound: output.queue as u64,
            shared,
        }
    }

    /// Takes a batch, or drops and counts it.
    pub(super) fn offer(&mut self, delivery: &Delivery, ledger: &Ledger) {
        let count = self.layout.lay_out(delivery);
        let parts = self.layout.parts();
        let bytes: u64 = parts.iter().map(Part::length).sum();
        let mut queue = lock(&self.shared.queue);
        if queue.bytes + bytes > self.bound {
            drop(queue);
            ledger.change(&delivery.origin.name, |counts| counts.dropped += count);
            return;
        }
        queue.bytes += bytes;
        queue.parts.extend(parts.iter().cloned());
        drop(queue);
        self.shared.changed.notify_all();
    }

    /// Nothing comes any more. What is left has a moment; a write that is stuck
    /// is left behind.
    pub(super) fn finish(self) {
        let mut queue = lock(&self.shared.queue);
        queue.finishing = true;
        self.shared.changed.notify_all();
        let limit = AT_THE_END + PAUSE;
        drop(
            self.shared
                .changed
                .wait_timeout_while(queue, limit, |queue| !queue.ended),
        );
    }
}

impl Shared {
    /// The next part; `None` when nothing comes any more.
    fn next(&self) -> Option<Part> {
        let mut queue = lock(&self.queue);
        loop {
            if let Some(part) = queue.parts.pop_front() {
                return Some(part);
            }
            if queue.finishing {
                return None;
            }
            queue = self
                .changed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A part is written: there is room for others.
    fn done(&self, bytes: u64) {
        lock(&self.queue).bytes -= bytes;
    }

    /// Waits before something is tried again; false when it is too late for that.
    fn pause(&self, end: &mut Option<Instant>) -> bool {
        let queue = lock(&self.queue);
        let waited = self
            .changed
            .wait_timeout_while(queue, PAUSE, |queue| !queue.finishing)
            .unwrap_or_else(PoisonError::into_inner);
        if !waited.0.finishing {
            return true;
        }
        drop(waited);
        let end = *end.get_or_insert_with(|| Instant::now() + AT_THE_END);
        std::thread::sleep(Duration::from_millis(50));
        Instant::now() < end
    }
}

/// The thread that writes.
fn write(name: &str, destination: &Destination, shared: &Shared) {
    let mut open: Option<Box<dyn Write>> = None;
    let mut told = false;
    let mut end = None;
    while let Some(part) = shared.next() {
        let mut done = 0;
        if matches!(destination, Destination::File(_)) {
            // It may have been renamed, or be another one this time.
            open = None;
        }
        while let Err(error) = append(&mut open, destination, &part, &mut done) {
            open = None;
            if !std::mem::replace(&mut told, true) {
                say!(
                    "estreamer: cannot write to {name}: {error}. It is not required: it is tried \
                     again, and what does not fit its queue is dropped and counted."
                );
            }
            if !shared.pause(&mut end) {
                return;
            }
        }
        if std::mem::take(&mut told) {
            say!("estreamer: {name} can be written again");
        }
        shared.done(part.length());
    }
}

/// Appends what is left of a part.
fn append(
    open: &mut Option<Box<dyn Write>>,
    destination: &Destination,
    part: &Part,
    done: &mut usize,
) -> io::Result<()> {
    let writer = match open {
        Some(writer) => writer,
        None => {
            if matches!(destination, Destination::Tcp(_)) {
                // What a lost connection took of it is not known.
                *done = 0;
            }
            open.insert(connect(destination, part)?)
        }
    };
    while let Some(left) = part.bytes.get(*done..).filter(|left| !left.is_empty()) {
        match writer.write(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => *done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    writer.flush()
}

fn connect(destination: &Destination, part: &Part) -> io::Result<Box<dyn Write>> {
    Ok(match destination {
        Destination::Stdout => Box::new(io::stdout()),
        Destination::File(_) => {
            let mut options = OpenOptions::new();
            Box::new(options.append(true).create(true).open(&part.path)?)
        }
        Destination::Tcp(address) => {
            let stream: TcpStream = tcp::connect(address)?;
            Box::new(stream)
        }
    })
}
