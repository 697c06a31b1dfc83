//! The corpus in `fuzz/corpus`, with a folder for each target.

use super::Target;
use std::path::{Path, PathBuf};
use std::string::String;
use std::vec::Vec;
use std::{fs, println};

/// A generated input: target, name, bytes.
pub type Seed = (&'static str, String, Vec<u8>);

/// The folder of a target.
pub fn folder(target: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("../fuzz/corpus").join(target)
}

/// Every input of a target, as name and bytes, sorted by name.
///
/// # Panics
/// If the folder cannot be read, or has fewer than 8 inputs.
pub fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder(target)).expect("a corpus for each target");
    let mut inputs: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("a readable folder").path();
            let name = path
                .file_name()
                .expect("a file")
                .to_string_lossy()
                .into_owned();
            (name, fs::read(path).expect("a readable file"))
        })
        .collect();
    inputs.sort();
    assert!(inputs.len() >= 8, "{target} has {} inputs", inputs.len());
    inputs
}

/// Runs every target over its inputs. Prints the name of each input first.
///
/// # Panics
/// If a guarantee is broken.
pub fn replay(targets: &[Target]) {
    for (target, run) in targets {
        for (name, bytes) in inputs(target) {
            println!("fuzz/corpus/{target}/{name}");
            run(&bytes);
        }
    }
}

/// Compares the seeds with the files; with `ESTREAMER_BLESS` in the environment,
/// writes them.
///
/// # Panics
/// If a file is missing or differs.
pub fn check(seeds: &[Seed]) {
    let bless = std::env::var_os("ESTREAMER_BLESS").is_some();
    for (target, name, bytes) in seeds {
        let path = folder(target).join(name);
        if bless {
            fs::create_dir_all(folder(target)).expect("a writable tree");
            fs::write(path, bytes).expect("a writable tree");
        } else {
            let found = fs::read(path).unwrap_or_default();
            let same = &found == bytes;
            assert!(same, "ESTREAMER_BLESS=1 writes {target}/{name}");
        }
    }
}
