//! A world that can be replayed: the shipped code of sessions, duplicates, bookmark, files
//! and the bulk API, with servers, a disk, a receiver, an operator and other programs, all
//! driven by one seed. One seed is one world, in every detail.
//!
//! ```text
//! world FIRST..LAST [--seconds N]    runs the seeds, at most so long
//! world SEED                         runs one seed, and tells its story
//! ```
//!
//! A world that fails is made as small as possible, and its story is printed. Of a world that
//! does not end, the actions are printed.

mod action;
mod archive;
mod files;
#[cfg(test)]
mod found;
mod oracle;
mod outputs;
mod receiver;
mod run;
mod server;
mod sources;
#[cfg(test)]
mod tests;
mod watch;
mod whole;
mod world;

use std::ops::Range;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use watch::Watch;

/// How many worlds are run in a turn of a thread.
const TURN: u64 = 64;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let parsed = match arguments[..] {
        [seed] if !seed.contains("..") => seed.parse().ok().map(|seed| (seed..seed + 1, None)),
        [seeds] => range(seeds).map(|seeds| (seeds, None)),
        [seeds, "--seconds", seconds] => {
            let seconds = seconds.parse().ok().map(Duration::from_secs);
            range(seeds)
                .zip(seconds)
                .map(|(seeds, limit)| (seeds, Some(limit)))
        }
        _ => None,
    };
    let Some((seeds, limit)) = parsed else {
        eprintln!("usage: world FIRST..LAST [--seconds N], or world SEED");
        return ExitCode::from(2);
    };
    run::silence_panics();
    match seeds.end - seeds.start {
        1 => tell(seeds.start),
        _ => many(seeds, limit),
    }
}

fn range(text: &str) -> Option<Range<u64>> {
    let (first, last) = text.split_once("..")?;
    Some(first.parse().ok()?..last.parse().ok()?)
}

/// Runs one world and tells its story.
fn tell(seed: u64) -> ExitCode {
    let watch = Watch::start();
    watch.begin(seed);
    let (story, failure) = run::story(seed);
    watch.end();
    for line in story {
        println!("{line}");
    }
    match failure {
        None => ExitCode::SUCCESS,
        Some(failure) => failed(seed, &failure),
    }
}

fn many(seeds: Range<u64>, limit: Option<Duration>) -> ExitCode {
    let began = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let is_over = || limit.is_some_and(|limit| began.elapsed() >= limit);
    let watch = Watch::start();
    let next = std::sync::atomic::AtomicU64::new(seeds.start);
    let work = || {
        let mut done = 0;
        loop {
            let first = next.fetch_add(TURN, std::sync::atomic::Ordering::Relaxed);
            if first >= seeds.end || is_over() {
                watch.end();
                return (done, None);
            }
            for seed in first..seeds.end.min(first + TURN) {
                watch.begin(seed);
                if let Some(failure) = run::check(seed) {
                    next.store(seeds.end, std::sync::atomic::Ordering::Relaxed);
                    watch.end();
                    return (done, Some((seed, failure)));
                }
                done += 1;
            }
        }
    };
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    let done: u64 = results.iter().map(|(done, _)| done).sum();
    println!(
        "{done} worlds from seed {} on in {:.1} s",
        seeds.start,
        began.elapsed().as_secs_f64()
    );
    match results.into_iter().find_map(|(_, failed)| failed) {
        None => ExitCode::SUCCESS,
        Some((seed, failure)) => failed(seed, &failure),
    }
}

fn failed(seed: u64, failure: &str) -> ExitCode {
    println!("seed {seed} fails: {failure}\n\nas small as it gets:");
    let (story, failure) = run::smallest(seed);
    for line in story {
        println!("  {line}");
    }
    println!("  {failure}");
    ExitCode::FAILURE
}
