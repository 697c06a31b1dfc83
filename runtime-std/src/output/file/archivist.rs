//! The thread that compresses and removes closed files.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tracing::warn;

#[cfg(feature = "archive")]
use super::compression;
use super::notice::FileNotice;
use super::retention;
use super::series::Series;
use crate::thread;

/// Does it in a thread, or at once.
pub(super) struct Archivist {
    in_thread: bool,
    stop: Arc<AtomicBool>,
    thread: Option<(Sender<Arc<Series>>, JoinHandle<()>)>,
}

impl Archivist {
    /// Starts no thread yet.
    pub(super) fn new(in_thread: bool) -> Self {
        Self {
            in_thread,
            stop: Arc::default(),
            thread: None,
        }
    }

    /// Compresses and removes the closed files of a series. Returns what is told of them,
    /// unless a thread does it.
    pub(super) fn tend(&mut self, series: Arc<Series>) -> Vec<FileNotice> {
        if !self.in_thread {
            return told(&series, tend(&series, &self.stop));
        }
        if self.thread.is_none() {
            let (sender, receiver) = channel();
            let stop = self.stop.clone();
            match thread::spawn("archivist", move || run(&receiver, &stop)) {
                Ok(thread) => self.thread = Some((sender, thread)),
                Err(failure) => {
                    let directory = series.directory.clone();
                    return vec![FileNotice::NotTended(directory, failure.to_string())];
                }
            }
        }
        if let Some((sender, _)) = &self.thread {
            // Fails only after a panic, which is reported.
            let _ = sender.send(series);
        }
        Vec::new()
    }
}

impl Drop for Archivist {
    /// Stops the thread: the next start completes what it was doing.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some((sender, thread)) = self.thread.take() {
            drop(sender);
            // A panic is reported already.
            let _ = thread.join();
        }
    }
}

fn run(receiver: &Receiver<Arc<Series>>, stop: &AtomicBool) {
    while let Ok(series) = receiver.recv() {
        for notice in told(&series, tend(&series, stop)) {
            warn!("{notice}");
        }
    }
}

/// Compresses and removes closed files, as far as the rules say so. After an error, it is
/// called again.
fn tend(series: &Series, stop: &AtomicBool) -> io::Result<Vec<FileNotice>> {
    let mut notices = Vec::new();
    for entry in series.removed() {
        retention::remove_rest(series, &entry)?;
    }
    #[cfg(feature = "archive")]
    if let Some(compression) = series.rules.compress {
        for entry in series.entries() {
            if stop.load(Ordering::Acquire) {
                return Ok(notices);
            }
            match entry.compressed {
                None => compression::compress(series, &entry, compression, stop, &mut notices)?,
                Some(_) => compression::remove_rest(series, &entry)?,
            }
        }
    }
    if series.rules.keep.is_limited() && !stop.load(Ordering::Acquire) {
        retention::keep(series, &series.entries(), &mut notices)?;
    }
    Ok(series.untold(notices))
}

fn told(series: &Series, done: io::Result<Vec<FileNotice>>) -> Vec<FileNotice> {
    done.unwrap_or_else(|error| {
        let directory = series.directory.clone();
        vec![FileNotice::NotTended(directory, error.to_string())]
    })
}
