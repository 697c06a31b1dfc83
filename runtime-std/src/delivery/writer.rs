//! The thread of one output: formats batches, writes them, votes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

use estreamer_core::fqe::EventKind;
use estreamer_mio::batch::Record;

use super::digest::Digest;
use super::disk::DiskFile;
use super::entry::{Entry, Written};
use super::pipeline::{Delivery, Failure, Setup, Shared, lock, patiently};
use crate::config::{Data, Format};
use crate::format;
use crate::output::file::FileOutput;

/// The `{event}` of records that are none of the four types.
pub(super) const OTHER: &str = "other";

/// The open files of an output, for the thread that makes them durable.
pub(super) type Files = Arc<Mutex<Vec<Arc<dyn DiskFile>>>>;

/// An output and what it writes with.
pub(super) struct Writer {
    name: Arc<str>,
    form: Form,
    kind: Kind,
    files: Files,
}

/// How records are written.
struct Form {
    format: Format,
    data: Data,
}

enum Kind {
    File(FileOutput),
    /// With what of the current batch is still to be written.
    Stdout(Option<(u64, Vec<u8>)>),
}

impl Writer {
    pub(super) fn file(output: FileOutput, setup: &Setup) -> Self {
        let files = Arc::new(Mutex::new(output.files()));
        Self {
            name: output.name().into(),
            form: Form::new(output.name(), setup),
            kind: Kind::File(output),
            files,
        }
    }

    pub(super) fn stdout(name: String, setup: &Setup) -> Self {
        Self {
            form: Form::new(&name, setup),
            name: name.into(),
            kind: Kind::Stdout(None),
            files: Files::default(),
        }
    }

    pub(super) fn files(&self) -> Option<Files> {
        Some(self.files.clone())
    }

    /// Writes what comes, in order, until nothing comes any more.
    pub(super) fn run(
        mut self,
        index: usize,
        deliveries: &Receiver<Arc<Delivery>>,
        shared: &Shared,
    ) {
        let _ends = Ends(shared);
        for delivery in deliveries {
            let mut bytes = 0;
            let name = self.name.clone();
            let written = patiently(shared, &name, || match self.write(&delivery, shared) {
                Ok(count) => {
                    bytes = count;
                    Ok(())
                }
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    shared.votes.fail(Failure::ReaderLeft);
                    Err(error)
                }
                Err(error) => Err(error),
            });
            if !written {
                break;
            }
            // Its arena goes back before the vote wakes the loop.
            let n = delivery.n;
            drop(delivery);
            shared.votes.accept(index, n, bytes);
        }
    }

    /// Writes a batch, all of it or none, and returns its bytes.
    fn write(&mut self, delivery: &Delivery, shared: &Shared) -> io::Result<u64> {
        match &mut self.kind {
            Kind::File(output) => {
                let bytes = lines_by_path(delivery, output, &self.form);
                let written = output.plan(delivery.n, &bytes)?;
                if output.count() != lock(&self.files).len() {
                    *lock(&self.files) = output.files();
                }
                note(shared, written)?;
                output.write(&bytes)?;
                Ok(bytes.values().map(|bytes| bytes.len() as u64).sum())
            }
            Kind::Stdout(left) => {
                // A batch that is tried again goes on where it stopped.
                let (n, lines) =
                    left.get_or_insert_with(|| (delivery.n, lines(delivery, &self.form)));
                if *n != delivery.n {
                    return Err(io::Error::other("a batch that was not finished"));
                }
                let bytes = lines.len() as u64;
                let mut stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
                while !lines.is_empty() {
                    let count = stdout.write(lines)?;
                    lines.drain(..count);
                }
                // What standard output has taken cannot be looked at later, so
                // its word comes after the deed.
                let written = Written {
                    n: delivery.n,
                    output: self.name.to_string(),
                    files: Vec::new(),
                };
                note(shared, written)?;
                *left = None;
                Ok(bytes)
            }
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

/// Puts an output's word into the journal, if there is one.
fn note(shared: &Shared, written: Written) -> io::Result<()> {
    match &shared.journal {
        Some(journal) => lock(journal)
            .note(Entry::Written(written))
            .map_err(|(_, error)| error),
        None => Ok(()),
    }
}

impl Form {
    fn new(name: &str, setup: &Setup) -> Self {
        let mut outputs = setup.outputs.iter();
        let found = outputs.find(|output| output.name == name);
        Self {
            format: found.map_or(Format::Lines, |output| output.format),
            data: setup.data.clone(),
        }
    }

    fn write(&self, source: &str, record: &Record<'_>, digest: Digest, out: &mut Vec<u8>) {
        format::write(self.format, &self.data, source, record, digest, out);
    }
}

fn lines(delivery: &Delivery, form: &Form) -> Vec<u8> {
    let bytes = |record: Record<'_>| format::size(form.format, &form.data, &record);
    let mut lines = Vec::with_capacity(delivery.batch.records().map(bytes).sum());
    for (record, verdict) in delivery.batch.records().zip(&delivery.verdicts) {
        if verdict.keep {
            form.write(&delivery.source, &record, verdict.digest, &mut lines);
        }
    }
    lines
}

fn lines_by_path(
    delivery: &Delivery,
    output: &FileOutput,
    form: &Form,
) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut by_path = BTreeMap::new();
    if !output.by_event() {
        let lines = lines(delivery, form);
        if !lines.is_empty() {
            by_path.insert(output.path(&delivery.source, ""), lines);
        }
        return by_path;
    }
    for (record, verdict) in delivery.batch.records().zip(&delivery.verdicts) {
        if verdict.keep {
            let event =
                EventKind::from_record_type(record.record_type).map_or(OTHER, EventKind::name);
            let path = output.path(&delivery.source, event);
            let lines = by_path.entry(path).or_default();
            form.write(&delivery.source, &record, verdict.digest, lines);
        }
    }
    by_path
}
