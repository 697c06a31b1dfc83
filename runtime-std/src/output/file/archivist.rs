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
        for entry in series.unsettled() {
            let told = notices.len();
            match entry.compressed {
                None => compression::compress(series, &entry, compression, stop, &mut notices)?,
                Some(_) => compression::remove_rest(series, &entry)?,
            }
            if stop.load(Ordering::Acquire) {
                return Ok(notices);
            }
            // What was told may be put right.
            if notices.len() == told {
                series.settle(&entry);
            }
        }
    }
    let keep = &series.rules.keep;
    if keep.is_limited() && !series.is_within(keep) && !stop.load(Ordering::Acquire) {
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

#[cfg(all(test, feature = "archive"))]
mod tests {
    use std::fs;

    use super::super::naming::appended;
    use super::super::settings::{ArchiveRules, Compression, FileSettings, Retention};
    use super::super::tally::{FileTally, sha256};
    use super::*;
    use crate::disk::{Disk, RealDisk};

    #[test]
    fn what_is_done_is_not_looked_at_again_and_what_is_in_the_way_is() {
        let place = tempfile::tempdir().unwrap();
        let base = place.path().join("e.ndjson");
        let keep = Retention {
            files: Some(3),
            ..Retention::default()
        };
        let settings = FileSettings {
            mode: 0o640,
            archive: ArchiveRules {
                compress: Some(Compression::Zstd),
                manifest: true,
                keep,
                ..ArchiveRules::default()
            },
            ..FileSettings::default()
        };
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let series = Series::load(&disk, &base, &settings).unwrap();
        let never = AtomicBool::new(false);
        let mut paths = Vec::new();
        for round in 0..4 {
            let mut hash = sha256();
            hash.update(b"line\n");
            let tally = FileTally {
                end: 5,
                ..FileTally::empty(base.as_path().into(), 0)
            };
            let path = series.record(&base, &tally, hash).unwrap();
            // Until it has its name, there is nothing to do.
            tend(&series, &never).unwrap();
            fs::write(&path, "line\n").unwrap();
            series.has_name(&path);
            if round == 1 {
                fs::write(appended(&path, ".zst"), "somebody else's").unwrap();
            }
            assert_eq!(series.unsettled().len(), 1 + usize::from(round > 1));
            assert_eq!(series.is_within(&keep), round < 3);
            let notices = tend(&series, &never).unwrap();
            assert_eq!(notices.len(), usize::from(round == 1), "{notices:?}");
            paths.push(path);
        }
        assert_eq!(series.unsettled().len(), 1);
        assert!(!paths[0].exists() && !appended(&paths[0], ".zst").exists());
        assert!(series.is_within(&keep));
        fs::remove_file(appended(&paths[1], ".zst")).unwrap();
        tend(&series, &never).unwrap();
        assert_eq!(series.unsettled().len(), 0);
        assert!(!paths[1].exists());
        // The next process looks at all of them.
        let series = Series::load(&disk, &base, &settings).unwrap();
        assert_eq!(series.unsettled().len(), 3);
    }
}
