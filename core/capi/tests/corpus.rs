//! Replays the corpora of the fuzz targets, and compares its seeds with the files;
//! `ESTREAMER_BLESS=1` writes them.
#![cfg(feature = "fuzzing")]

use estreamer_core::fuzzing::corpus::{self, Seed};
use estreamer_core_capi::fuzzing::TARGETS;

#[test]
fn every_input_of_the_corpus_passes() {
    corpus::replay(TARGETS);
}

#[test]
fn the_seeds_in_the_corpus_are_up_to_date() {
    corpus::check(&seeds());
}

/// Streams of the core's target, received in two parts, taken out and acknowledged; and
/// calls that fail.
fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (name, stream) in corpus::inputs("parse") {
        // Only the seeds have such names.
        if name.contains(['-', '_']) {
            let settings = [200, 200, 0, 0, 0, 255, name.len() as u8];
            let stream = &stream[1..stream.len().min(256)];
            let (one, two) = stream.split_at(stream.len() / 2);
            let receive = |part: &[u8]| [&[0, part.len() as u8], part].concat();
            let calls = [5, 0, 5, 0, 5, 0, 8, 0, 9, 255, 5, 0];
            let script = [&settings[..], &receive(one), &calls, &receive(two), &calls];
            seeds.push(("capi", name.clone(), script.concat()));
            // In pieces, with two nulls prepaid.
            let settings = [56, 6, name.len() as u8, 0, 5];
            seeds.push(("agreement", name, [&settings, stream].concat()));
        }
    }
    let all: Vec<u8> = (0..16).flat_map(|call| [call, 0, call, 3]).collect();
    let settings = [200, 200, 2, 1, 1, 255, 1];
    seeds.push(("capi", "every-call".into(), [&settings, &all[..]].concat()));
    seeds.push(("capi", "too-small".into(), vec![0; 20]));
    let ends = [12, 15, 9, 255, 15, 248, 9, 255, 15, 252, 5, 0, 0, 8];
    seeds.push(("capi", "closed".into(), [&settings, &ends[..]].concat()));
    seeds
}
