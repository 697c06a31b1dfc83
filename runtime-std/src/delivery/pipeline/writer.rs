//! The thread of one required output: lays batches out, writes them, votes.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use smallvec::SmallVec;

use super::batch_formatter::Layout;
use super::delivery::Order;
use super::retry::patiently;
use super::{Failure, Shared};
use crate::delivery::bookmark::entry::{Entry, Written};
use crate::disk::DiskFile;
use crate::output::file::{FileOutput, Part};
use crate::output::tcp::TcpOutput;
use crate::sync::lock;

/// The open files of an output, for the thread that makes them durable.
pub(super) type Files = Arc<Mutex<Vec<Arc<dyn DiskFile>>>>;

/// An output and what it writes with.
pub(super) struct Writer {
    /// Its number among those that vote.
    index: usize,
    name: Arc<str>,
    layout: Layout,
    kind: Kind,
    files: Files,
    shared: Arc<Shared>,
}

/// Where a writer writes to.
pub(super) enum Kind {
    File(FileOutput),
    Stdout,
    Tcp(TcpOutput),
}

impl Writer {
    pub(super) fn new(
        index: usize,
        name: &str,
        layout: Layout,
        kind: Kind,
        shared: Arc<Shared>,
    ) -> Self {
        let files = match &kind {
            Kind::File(output) => output.files().collect(),
            Kind::Stdout | Kind::Tcp(_) => Vec::new(),
        };
        Self {
            index,
            name: name.into(),
            layout,
            kind,
            files: Arc::new(Mutex::new(files)),
            shared,
        }
    }

    pub(super) fn files(&self) -> Files {
        self.files.clone()
    }

    /// Writes what comes, in order, until nothing comes any more.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        let shared = self.shared.clone();
        let _ends = Ends(&shared);
        let _told = TellsPanic(&shared);
        loop {
            let order = orders.recv_timeout(self.patience());
            if shared.votes.is_late() {
                // Another pipeline may write there by now.
                return;
            }
            let goes_on = match order {
                Ok(Order::Deliver(delivery)) => {
                    self.layout.lay_out(&delivery);
                    let n = delivery.n;
                    // Its arena goes back before the vote wakes the loop.
                    drop(delivery);
                    self.write(n)
                }
                Ok(Order::Reopen) => self.reopen(),
                Err(RecvTimeoutError::Timeout) => self.confirm(),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if !goes_on {
                return;
            }
        }
        self.complete();
    }

    /// How long to wait for the next batch before looking what became of those
    /// that are on their way.
    fn patience(&self) -> Duration {
        match &self.kind {
            Kind::Tcp(output) => output.patience(),
            Kind::File(_) | Kind::Stdout => Duration::from_secs(3600),
        }
    }

    /// Writes what is laid out, all of it or none; false when that is over.
    fn write(&mut self, n: u64) -> bool {
        let bytes: u64 = self.layout.parts().iter().map(Part::length).sum();
        match self.kind {
            Kind::File(_) => self.write_files(n) && self.accept(n, bytes),
            Kind::Stdout => self.write_stdout(n) && self.accept(n, bytes),
            Kind::Tcp(_) => self.write_tcp(n),
        }
    }

    fn accept(&self, n: u64, bytes: u64) -> bool {
        self.shared.votes.accept(self.index, n, bytes);
        true
    }

    fn write_files(&mut self, n: u64) -> bool {
        let Kind::File(output) = &mut self.kind else {
            return false;
        };
        let shared = &self.shared;
        let parts = self.layout.parts();
        let mut lost = None;
        let written = patiently(shared, &self.name, || {
            let looked = output.look(parts);
            for surprise in output.surprises() {
                say!("estreamer: {surprise}");
            }
            if let Err(error) = retire(output) {
                // Reported as the end of it; there is nothing to try again.
                lost = Some(error);
                return Ok(());
            }
            // Also of what was opened before an error.
            let mut files = lock(&self.files);
            files.clear();
            files.extend(output.files());
            drop(files);
            looked?;
            note(shared, output.plan(n, parts))?;
            output.write(parts)
        });
        if let Some(error) = lost {
            shared.votes.fail(Failure::NotDurable(error));
            return false;
        }
        written
    }

    fn write_stdout(&mut self, n: u64) -> bool {
        let (shared, name) = (&self.shared, &self.name);
        // A batch that is tried again goes on where it stopped.
        let mut left = self
            .layout
            .parts()
            .first_mut()
            .map_or(&[][..], |part| &part.bytes);
        patiently(shared, name, || {
            let stdout = io::stdout().as_fd().try_clone_to_owned();
            let mut stdout = File::from(stdout?);
            while !left.is_empty() {
                match stdout.write(left) {
                    Ok(count) => left = &left[count..],
                    Err(error) => {
                        if error.kind() == io::ErrorKind::BrokenPipe {
                            shared.votes.fail(Failure::ReaderLeft);
                        }
                        return Err(error);
                    }
                }
            }
            // What standard output has taken cannot be looked at later, so its
            // word comes after the deed.
            note(shared, after(n, name))
        })
    }

    fn write_tcp(&mut self, n: u64) -> bool {
        let Kind::Tcp(output) = &mut self.kind else {
            return false;
        };
        let part = self.layout.parts().first_mut();
        output.push(n, part.map_or(&[][..], |part| &part.bytes));
        if !patiently(&self.shared, &self.name, || output.flush()) {
            return false;
        }
        self.shared.votes.take(self.index, n);
        self.confirm()
    }

    /// Votes for what has reached its receiver by now.
    fn confirm(&mut self) -> bool {
        let Kind::Tcp(output) = &mut self.kind else {
            return true;
        };
        let (shared, name) = (&self.shared, &self.name);
        if !patiently(shared, name, || output.check()) {
            return false;
        }
        while let Some((n, bytes)) = output.confirmed() {
            if !patiently(shared, name, || note(shared, after(n, name))) {
                return false;
            }
            shared.votes.accept(self.index, n, bytes);
        }
        true
    }

    /// Nothing comes any more: waits for what is on its way.
    fn complete(&mut self) {
        if let Kind::Tcp(output) = &mut self.kind {
            output.half_close();
        }
        while let Kind::Tcp(output) = &self.kind
            && !output.is_empty()
        {
            std::thread::sleep(Duration::from_millis(20).min(self.patience()));
            if !self.confirm() {
                return;
            }
        }
    }

    /// Commits are of the open files, so what is closed is made durable here.
    fn reopen(&mut self) -> bool {
        let Kind::File(output) = &mut self.kind else {
            return true;
        };
        if !patiently(&self.shared, &self.name, || output.close()) {
            return false;
        }
        if let Err(error) = retire(output) {
            self.shared.votes.fail(Failure::NotDurable(error));
            return false;
        }
        lock(&self.files).clear();
        true
    }
}

/// Makes the files durable that are not written to any more.
fn retire(output: &mut FileOutput) -> io::Result<()> {
    output.retired().iter().try_for_each(|file| file.sync())
}

/// A thread that panics must not leave the others waiting for it.
pub(super) struct TellsPanic<'a>(pub(super) &'a Shared);

impl Drop for TellsPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error = io::Error::other("a thread of this program failed; please report it");
            let failure = Failure::Output("the outputs".into(), error);
            self.0.votes.fail(failure);
        }
    }
}

/// Tells the others that this output has ended, however it did.
struct Ends<'a>(&'a Shared);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.votes.writer_ended();
    }
}

/// The word of an output that has no files to look at.
fn after(n: u64, name: &Arc<str>) -> Written {
    Written {
        n,
        output: name.clone(),
        files: SmallVec::new(),
    }
}

/// Puts an output's word into the journal, if there is one.
fn note(shared: &Shared, written: Written) -> io::Result<()> {
    match &shared.journal {
        Some(journal) => lock(journal)
            .note(Entry::Written(written))
            .map_err(|(_, error)| error),
        None => Ok(()),
    }
}
