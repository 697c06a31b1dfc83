//! Compressed files on a disk that loses what was not synced.

use super::*;
use crate::fuzzing::content;
use crate::fuzzing::disk::{Crash, ModelDisk};
use crate::output::file::settings::FileSettings;
use crate::output::file::tally::FileTally;

/// A file that was closed, and compressed by hand beside it.
fn compressed_by_hand(disk: &ModelDisk) -> (Series, PathBuf, PathBuf) {
    let base = Path::new("/out/events");
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let series = Series::load(&shared, base, &FileSettings::default()).unwrap();
    let mut hash = sha256();
    hash.update(b"line\n");
    let tally = FileTally {
        end: 5,
        ..FileTally::empty(base.into(), 0)
    };
    let path = series.record(base, &tally, hash).unwrap();
    series.has_name(&path);
    disk.written_by_another(&path, b"line\n");
    // Not synced, as gzip leaves it.
    let to = appended(&path, ".gz");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"line\n").unwrap();
    let file = disk.open(&to, 0o640).unwrap();
    file.append(&encoder.finish().unwrap()).unwrap();
    (series, path, to)
}

/// Compresses it; returns what is told.
fn compress_it(series: &Series) -> Vec<FileNotice> {
    let entry = series.unsettled().pop().unwrap();
    let (never, mut notices) = (AtomicBool::new(false), Vec::new());
    compress(series, &entry, Compression::Gzip, &never, &mut notices).unwrap();
    notices
}

#[test]
fn a_file_that_was_compressed_by_hand_is_durable_before_its_original_is_gone() {
    let disk = ModelDisk::default();
    let (series, path, to) = compressed_by_hand(&disk);
    assert_eq!(compress_it(&series), []);
    disk.come_up(Crash::Power);
    assert!(!disk.paths(Path::new("/out")).contains(&path));
    assert_eq!(content(&disk, &to).unwrap(), b"line\n");
}

#[test]
fn a_file_that_was_changed_after_it_was_compressed_by_hand_stays() {
    for change in [&b"somebody else's\n"[..], b"edit\n"] {
        let disk = ModelDisk::default();
        let (series, path, _) = compressed_by_hand(&disk);
        if change.len() == 5 {
            disk.truncated_by_another(&path, 0);
        }
        disk.appended_by_another(&path, change);
        assert_eq!(compress_it(&series), [FileNotice::Changed(path.clone())]);
        assert!(disk.content(&path).ends_with(change));
    }
}
