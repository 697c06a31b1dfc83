//! Worlds of some seeds.

use crate::run;

/// Worlds that are run in each test run.
const SEEDS: std::ops::Range<u64> = 0..2000;

#[test]
fn what_is_promised_holds_in_every_world() {
    for seed in SEEDS {
        if let Some(failure) = run::check(seed) {
            let (story, failure_of_smallest) = run::smallest(seed);
            panic!(
                "seed {seed}: {failure}\n{}\n{failure_of_smallest}",
                story.join("\n")
            );
        }
    }
}

#[test]
fn a_seed_is_one_world_in_every_detail() {
    for seed in 0..200 {
        assert_eq!(run::story(seed), run::story(seed), "seed {seed}");
    }
}
