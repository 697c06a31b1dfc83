//! Proves the closed files of a world against their manifests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use estreamer::fuzzing::disk::ModelDisk;
use estreamer::verify::Verifier;
use estreamer::verify::report::Difference;
use serde_json::Value;

use crate::files;
use crate::outputs::OUTPUTS;

/// The closed files that other programs changed.
#[derive(Default)]
pub(crate) struct Touched {
    /// By their names, without `.gz`.
    paths: BTreeSet<PathBuf>,
    /// By their series and the number that they have there, or will have.
    numbers: BTreeSet<(PathBuf, u64)>,
}

/// A line of a manifest that says what is in a closed file.
struct ClosedLine {
    path: PathBuf,
    number: u64,
    /// Its events, unless something else wrote to it, as it is recorded: then only those are
    /// counted that the collector knows of.
    events: Option<u64>,
}

impl Touched {
    /// Another program is about to change a file.
    pub(crate) fn touch(&mut self, disk: &ModelDisk, path: &Path) {
        self.paths.insert(plain(path));
        for series in series() {
            if series == path {
                let lines = lines(disk, &series);
                // The last one may be recorded as closed, and still be open.
                let last = lines.last();
                let number = last.map_or(0, |line| line.number);
                if last.is_some_and(|line| disk.number(&line.path).is_none()) {
                    self.numbers.insert((series.clone(), number));
                }
                self.numbers.insert((series, number + 1));
            }
        }
    }

    /// The operator restores a backup: what is recorded as closed and has no name yet is moved
    /// aside, because the old journal does not explain it.
    pub(crate) fn restored(&mut self, disk: &ModelDisk) {
        for series in series() {
            self.touch(disk, &series);
        }
    }

    /// Returns what is wrong with the closed files: nothing may differ but what another program
    /// changed. `rotten` bytes changed by themselves.
    pub(crate) fn prove(&self, disk: &ModelDisk, rotten: usize) -> Result<(), String> {
        let mut quiet = |_: &Path, _| {};
        for series in series() {
            let report = Verifier::of(disk, &mut quiet).series(std::slice::from_ref(&series));
            let report = report.map_err(|error| error.to_string())?;
            let mut differences = report.differences.iter();
            let lines = lines(disk, &series);
            let explains = |of: &&Difference| self.explains(of, &series, &lines);
            if let Some(difference) = differences.find(|of| !explains(of)) {
                return Err(format!("{difference}: not as the manifest says"));
            }
            self.count(disk, &series, &lines, rotten)?;
        }
        Ok(())
    }

    /// Whether another program changed the file that this names, when it was closed or before.
    fn explains(&self, difference: &Difference, series: &Path, lines: &[ClosedLine]) -> bool {
        match difference {
            // A start may cut back what another program had appended to the open file.
            Difference::Missing(path, _)
            | Difference::Length(path, ..)
            | Difference::Content(path, _) => {
                let path = plain(path);
                let line = lines.iter().find(|line| line.path == path);
                let number = line.map_or(0, |line| line.number);
                self.paths.contains(&path) || self.has_number(series, number)
            }
            Difference::Unreadable(path, _) | Difference::Foreign(path) => {
                self.paths.contains(&plain(path))
            }
            _ => false,
        }
    }

    fn has_number(&self, series: &Path, number: u64) -> bool {
        self.numbers.contains(&(series.to_path_buf(), number))
    }

    /// Compares the number of events in each closed file with that in its manifest. A byte that
    /// changed may be one by which an event is known.
    fn count(
        &self,
        disk: &ModelDisk,
        series: &Path,
        lines: &[ClosedLine],
        rotten: usize,
    ) -> Result<(), String> {
        for ClosedLine {
            path,
            number,
            events,
        } in lines
        {
            let is_touched = self.paths.contains(path) || self.has_number(series, *number);
            let places = [path.clone(), files::with_end(path, ".gz")];
            let place = places
                .iter()
                .find(|place| disk.number(place.as_path()).is_some());
            if let (Some(place), Some(events), false) = (place, events, is_touched) {
                let lines = files::lines_of(disk, place).into_iter();
                let found: usize = lines.map(|(_, count)| count).sum();
                if events.abs_diff(found as u64) > rotten as u64 {
                    return Err(format!(
                        "{} has {found} events, not {events}: not as the manifest says",
                        place.display()
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The base paths of what is closed and recorded.
fn series() -> Vec<PathBuf> {
    let closed = OUTPUTS.iter().filter(|output| output.archive.manifest);
    let paths = closed.flat_map(|output| match output.by_kind {
        true => ["x", "y", "f"].map(|kind| output.path_of(kind)).to_vec(),
        false => vec![output.path.to_owned()],
    });
    paths.map(PathBuf::from).collect()
}

/// Returns a path without the end of a compressed file.
fn plain(path: &Path) -> PathBuf {
    let text = path.to_string_lossy();
    PathBuf::from(text.strip_suffix(".gz").unwrap_or(&text))
}

/// Returns what the manifest of a series says of closed files. The last line with a number is the
/// one that counts.
fn lines(disk: &ModelDisk, series: &Path) -> Vec<ClosedLine> {
    let manifest = disk.content(&files::with_end(series, ".manifest"));
    let directory = series.parent().expect("it is in a directory");
    let mut closed: Vec<ClosedLine> = Vec::new();
    for line in manifest.split(|byte| *byte == b'\n') {
        let Ok(line) = serde_json::from_slice::<Value>(line) else {
            continue;
        };
        if let Some(number) = line["sequence"].as_u64() {
            closed.retain(|other| other.number != number);
            closed.push(ClosedLine {
                path: directory.join(line["name"].as_str().unwrap_or_default()),
                number,
                events: line["events"].as_u64().filter(|_| line["mixed"] != true),
            });
        }
    }
    closed
}
