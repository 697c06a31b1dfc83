use std::process::Command;

use super::*;

#[test]
fn a_child_process_that_has_a_file_does_not_keep_it_locked() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let file = RealFile {
        file: File::create(&path).unwrap(),
        has_failed: Mutex::new(false),
    };
    file.lock().unwrap();
    let mut child = Command::new("sleep");
    child.arg("60").stdin(file.file.try_clone().unwrap());
    let mut child = child.spawn().unwrap();
    drop(file);
    let again = RealDisk.open(&path, 0o600).unwrap().lock();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(again.is_ok());
}

#[test]
fn bytes_that_are_written_again_stay_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let bytes: Vec<u8> = (0..3 << 20).map(|at| (at / 7) as u8).collect();
    fs::write(&path, &bytes).unwrap();
    let length = bytes.len() as u64;
    for (start, end) in [(0, length), (5, length - 1), (9, 9)] {
        RealDisk.write_again(&path, start, end).unwrap();
        assert!(fs::read(&path).unwrap() == bytes, "{start} to {end}");
    }
    let beyond = RealDisk.write_again(&path, 5, length + 1).unwrap_err();
    assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof);
    assert!(fs::read(&path).unwrap() == bytes);
}

#[test]
fn a_sync_after_one_that_failed_fails_too() {
    let has_failed = Mutex::new(false);
    let eio = || Err(io::ErrorKind::Other.into());
    assert!(sync_unless_failed(&has_failed, || Ok(())).is_ok());
    assert!(sync_unless_failed(&has_failed, eio).is_err());
    assert!(sync_unless_failed(&has_failed, || Ok(())).is_err());
}

#[test]
fn a_file_is_read_by_its_handle_under_whatever_name() {
    let directory = tempfile::tempdir().unwrap();
    let [path, other] = ["a", "b"].map(|name| directory.path().join(name));
    let file = RealDisk.open(&path, 0o600).unwrap();
    file.append(b"0123456789").unwrap();
    fs::rename(&path, &other).unwrap();
    fs::write(&path, "another file").unwrap();
    assert_eq!(file.read_range(2, 5).unwrap(), b"234");
    assert_eq!(file.read_range(8, 99).unwrap(), b"89");
    assert!(file.read_range(10, 99).unwrap().is_empty());
    assert!(file.read_range(50, 99).unwrap().is_empty());
}
