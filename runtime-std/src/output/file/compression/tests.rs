//! Compressed files on a disk that loses what was not synced.

use super::*;
use crate::fuzzing::content;
use crate::fuzzing::disk::{Crash, ModelDisk};
use crate::output::file::settings::FileSettings;
use crate::output::file::tally::FileTally;

#[test]
fn a_file_that_was_compressed_by_hand_is_durable_before_its_original_is_gone() {
    let (disk, base) = (ModelDisk::default(), Path::new("/out/events"));
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let series = Series::load(&shared, base, &FileSettings::default()).unwrap();
    let mut hash = sha256();
    hash.update(b"line\n");
    let tally = FileTally {
        end: 5,
        ..FileTally::empty(base.into(), 0)
    };
    let path = series.record(base, &tally, hash).unwrap();
    disk.written_by_another(&path, b"line\n");
    // Not synced, as gzip leaves it.
    let to = appended(&path, ".gz");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"line\n").unwrap();
    let file = disk.open(&to, 0o640).unwrap();
    file.append(&encoder.finish().unwrap()).unwrap();

    let entry = series.unsettled().pop().unwrap();
    let (never, mut notices) = (AtomicBool::new(false), Vec::new());
    compress(&series, &entry, Compression::Gzip, &never, &mut notices).unwrap();
    assert!(notices.is_empty(), "{notices:?}");
    disk.come_up(Crash::Power);
    assert!(!disk.paths(Path::new("/out")).contains(&path));
    assert_eq!(content(&disk, &to).unwrap(), b"line\n");
}
