//! An output that is not required: it never holds anything back. What it lags
//! behind is bounded, and beyond that it drops and counts.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::batch_formatter::Layout;
use super::delivery::Delivery;
use crate::config::Output;
use crate::delivery::ledger::Ledger;
use crate::output::destination::Destination;
use crate::output::file::Part;
use crate::output::tcp;
use crate::sync::lock;

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
    parts: VecDeque<Waiting>,
    bytes: u64,
    finishing: bool,
    /// Nothing is written any more.
    ended: bool,
}

/// A part, and how many records are lost with it: of a batch in several parts
/// all count with the last.
struct Waiting {
    part: Part,
    source: Arc<str>,
    records: u64,
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
        let last = parts.len().saturating_sub(1);
        let waiting = parts.iter().enumerate().map(|(index, part)| Waiting {
            part: part.clone(),
            source: delivery.origin.name.clone(),
            records: if index == last { count } else { 0 },
        });
        queue.parts.extend(waiting);
        drop(queue);
        self.shared.changed.notify_all();
    }

    /// Nothing comes any more. What is left has a moment; a write that is stuck
    /// is left behind.
    pub(super) fn finish(self, ledger: &Ledger) {
        let mut queue = lock(&self.shared.queue);
        queue.finishing = true;
        self.shared.changed.notify_all();
        let limit = AT_THE_END + PAUSE;
        let waited = self
            .shared
            .changed
            .wait_timeout_while(queue, limit, |queue| !queue.ended);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        let left: Vec<Waiting> = queue.parts.drain(..).collect();
        drop(queue);
        for waiting in left {
            ledger.change(&waiting.source, |counts| counts.dropped += waiting.records);
        }
    }
}

impl Shared {
    /// The next part; `None` when nothing comes any more.
    fn next(&self) -> Option<Waiting> {
        let mut queue = lock(&self.queue);
        loop {
            if let Some(waiting) = queue.parts.pop_front() {
                return Some(waiting);
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
    while let Some(waiting) = shared.next() {
        let part = &waiting.part;
        let mut done = 0;
        if matches!(destination, Destination::File(_)) {
            // It may have been renamed, or be another one this time.
            open = None;
        }
        while let Err(error) = append(&mut open, destination, part, &mut done) {
            open = None;
            if !std::mem::replace(&mut told, true) {
                say!(
                    "estreamer: cannot write to {name}: {error}. It is not required: it is tried \
                     again, and what does not fit its queue is dropped and counted."
                );
            }
            if !shared.pause(&mut end) {
                lock(&shared.queue).parts.push_front(waiting);
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
