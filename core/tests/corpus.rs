//! Replays the fuzzers' corpora: what they once found stays found.
#![cfg(feature = "fuzzing")]

use std::fs;
use std::path::Path;

#[test]
fn the_corpus_of_decode_keeps_its_promises() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/decode");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let data = fs::read(entry.unwrap().path()).unwrap();
        estreamer_core::fuzzing::decode(&data);
        // And all that a first byte of another value makes of it.
        for window in 0..=255 {
            let mut data = data.clone();
            data[0] = window;
            estreamer_core::fuzzing::decode(&data);
        }
        count += 1;
    }
    assert!(count >= 20, "{count} seeds");
}
