//! The state directory of version 1: gone on from, and rewritten.
//!
//! `data/version-1` holds what version 1 left when it had written 40 of 60 events
//! to `events.ndjson`, in a stop in order: journal and key. The source has the
//! server's address as its name, and the path of the output is relative.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use estreamer_simulate::archive::Oddities;
use estreamer_tests::{Ended, Scene, data, lines};

/// The 60 events, the state directory, and the 40 that were written.
fn scene(journal: impl FnOnce(Vec<u8>, &Path) -> Vec<u8>) -> Scene {
    let scene = Scene::new(60, Oddities::default(), |builder| builder);
    let mut written = Vec::new();
    for event in &scene.archive().events()[..40] {
        written.extend_from_slice(&event.data);
        written.push(b'\n');
    }
    assert_eq!(written.len(), 40_826, "as the journal says");
    let out = scene.path("events.ndjson");
    fs::write(&out, written).unwrap();
    fs::create_dir(scene.path("state")).unwrap();
    fs::copy(data("version-1/key"), scene.path("state/key")).unwrap();
    let bytes = fs::read(data("version-1/journal.0")).unwrap();
    fs::write(scene.path("state/journal.0"), journal(bytes, &out)).unwrap();
    scene
}

/// The program as it was called then.
fn collect(scene: &Scene) -> Command {
    let mut arguments = scene.arguments("events.ndjson", "state");
    for (option, value) in [
        ("--name", "127.0.0.1:18302"),
        ("--output", "file:events.ndjson"),
        ("--state", "state"),
    ] {
        let at = arguments.iter().position(|it| it == option).unwrap();
        arguments[at + 1] = value.into();
    }
    let mut command = estreamer_tests::estreamer(&[]);
    command.args(arguments);
    command.current_dir(scene.path(""));
    command
}

/// Starts it twice: the first start goes on, the second has nothing to do. Returns
/// what the first one said.
#[track_caller]
fn check_goes_on(scene: &Scene) -> String {
    let mut said = Vec::new();
    for start in 1..=2 {
        said.push(scene.run(&mut collect(scene)).success().stderr);
        scene.check(
            "events.ndjson",
            &format!("start {start}: {}", said[start - 1]),
        );
        for segment in ["state/journal.0", "state/journal.1"] {
            // Today's frames begin with a magic number.
            let bytes = fs::read(scene.path(segment)).unwrap();
            assert_eq!(bytes[..4], *b"\xe5fr\x02", "{segment} after start {start}");
        }
    }
    let names = fs::read_dir(scene.path("")).unwrap();
    let aside = names.filter(|name| {
        let name = name.as_ref().unwrap().file_name();
        name.to_string_lossy().contains("unproven")
    });
    assert_eq!(aside.count(), 0, "nothing was set aside");
    said.swap_remove(0)
}

#[test]
fn a_state_directory_of_version_1_is_gone_on_from_and_rewritten() {
    let scene = scene(|journal, out| of(&journal, out, |_| true));
    let said = check_goes_on(&scene);
    assert!(!said.contains("is not the file"), "{said}");
}

#[test]
fn a_file_copied_since_version_1_is_appended_to_and_told() {
    // The numbers in the journal are those of another machine's file.
    let scene = scene(|journal, _| journal);
    let said = check_goes_on(&scene);
    assert!(said.contains("is not the file that was written"), "{said}");
}

#[test]
fn what_version_1_wrote_before_it_was_killed_is_adopted_or_comes_again() {
    // With its last word missing, the batch was not committed.
    for boot in [boot().as_str(), "00000000-0000-0000-0000-000000000000"] {
        let scene = scene(|journal, out| {
            let journal = of(&journal, out, |number| number < 3);
            reframed(&journal, |payload| {
                replaced(payload, BOOT.as_bytes(), boot.as_bytes())
            })
        });
        let said = check_goes_on(&scene);
        assert!(!said.contains("is not the file"), "{said}");
    }
}

#[test]
fn a_journal_of_version_1_without_its_key_is_refused() {
    let scene = scene(|journal, _| journal);
    fs::remove_file(scene.path("state/key")).unwrap();
    let before = fs::read(scene.path("events.ndjson")).unwrap();
    let ended = Ended::of(&mut collect(&scene));
    ended.failure(1, &["key", "missing", "--reset-bookmark"]);
    assert!(fs::read(scene.path("events.ndjson")).unwrap() == before);
    assert_eq!(lines(&scene.path("events.ndjson")).len(), 40);
}

/// The boot it was written in.
const BOOT: &str = "558ccf4c-9d23-4964-8955-7e5ca302ad1d";
/// Device and inode of the file it was written to.
const NUMBERS: (u64, u64) = (65_024, 10_021_120);

fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    id.trim().into()
}

/// The journal as it would be with this file: those of its frames, by number, with
/// the file's device and inode.
fn of(journal: &[u8], file: &Path, keep: impl Fn(usize) -> bool) -> Vec<u8> {
    let found = fs::metadata(file).unwrap();
    let numbers = |(device, inode)| [varint(device), varint(inode)].concat();
    let (old, new) = (numbers(NUMBERS), numbers((found.dev(), found.ino())));
    let mut number = 0;
    reframed(journal, |payload| {
        number += 1;
        match keep(number - 1) {
            true => replaced(payload, &old, &new),
            false => Vec::new(),
        }
    })
}

/// The journal with other payloads; an empty one leaves its frame out. A frame is
/// length, CRC-32 and payload.
fn reframed(mut journal: &[u8], mut change: impl FnMut(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some((length, rest)) = journal.split_first_chunk::<4>() {
        let (frame, rest) = rest.split_at(4 + u32::from_le_bytes(*length) as usize);
        journal = rest;
        let payload = change(&frame[4..]);
        if !payload.is_empty() {
            out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
            out.extend_from_slice(&crc32(&payload).to_le_bytes());
            out.extend_from_slice(&payload);
        }
    }
    out
}

fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    match bytes.windows(old.len()).position(|window| window == old) {
        Some(at) => [&bytes[..at], new, &bytes[at + old.len()..]].concat(),
        None => bytes.to_vec(),
    }
}

/// Seven bits a byte, the lowest first.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    !bytes
        .iter()
        .fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}
