//! Kills the real program again and again, and proves that nothing was lost,
//! nothing came twice, and nobody else's file changed: `cargo xtask soak`.

mod account;
mod files;
mod kafka;
mod long;
mod proof;
mod receivers;
mod trouble;
mod vitals;
mod world;

use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use estreamer_tests::at_each;
use estreamer_tests::random::Random;
use long::Long;
use world::{Ask, Tally, World};

/// Kills in one world: a server, a collector, and a state directory.
const IN_A_WORLD: u64 = 40;

/// Kills in a minute if nothing else is said, where one collector runs for minutes.
const IN_A_MINUTE: u64 = 15;
/// Kills if nothing else is said, in short worlds.
const KILLS: u64 = 2000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = options(&arguments) else {
        eprintln!("soak [--kills N] [--seed N] [--minutes N [--chaos]]");
        return ExitCode::from(2);
    };
    let start = Instant::now();
    let seed = options.seed;
    let (result, is_sound) = match options.minutes {
        None => {
            let kills = options.kills.unwrap_or(KILLS);
            let total = many_worlds(kills, seed, start);
            let has_tried_all = total.kills >= kills && total.has_tried_all();
            let missing = match has_tried_all {
                true => "",
                false => "\n  not everything was tried that should be survived",
            };
            let is_sound = total.is_sound() && has_tried_all;
            (format!("{total}{}{missing}", total.faults()), is_sound)
        }
        Some(minutes) => {
            let long = Long {
                minutes,
                kills: options.kills.unwrap_or(IN_A_MINUTE * minutes),
                seed,
                chaos: options.chaos,
            };
            let result = long.run();
            (format!("\n{result}"), result.is_sound())
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    println!("seed {seed}, {seconds:.0} s: {result}");
    match is_sound {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Kills collectors in worlds of different kinds.
fn many_worlds(kills: u64, seed: u64, start: Instant) -> Tally {
    let mut random = Random::new(seed);
    let worlds: Vec<(u64, Ask, bool, u64)> = (0..kills.div_ceil(IN_A_WORLD))
        .map(|index| {
            let left = kills - index * IN_A_WORLD;
            let ask = [Ask::Oldest, Ask::Now, Ask::Time][(index % 3) as usize];
            (random.next(), ask, index % 2 == 1, left.min(IN_A_WORLD))
        })
        .collect();
    let total = Mutex::new(Tally::default());
    at_each(&worlds, |index, &(seed, ask, is_archive, kills)| {
        let tally = World::new(seed, ask, is_archive).run(kills);
        if !tally.is_sound() {
            println!(
                "world {index}, {ask:?}, its seed {seed}: {tally}{}{}",
                tally.faults(),
                tally.history
            );
        }
        let mut total = total.lock().expect("no world panics while it adds up");
        *total += tally;
        if index % 5 == 4 {
            println!("{:>6.0} s  {}", start.elapsed().as_secs_f64(), *total);
        }
    });
    total.into_inner().expect("no world panicked")
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    kills: Option<u64>,
    seed: u64,
    /// How long one world lives; `None` for many short ones.
    minutes: Option<u64>,
    chaos: bool,
}

/// `[--kills N] [--seed N] [--minutes N [--chaos]]`.
fn options(arguments: &[String]) -> Option<Options> {
    let mut options = Options {
        seed: 1,
        ..Options::default()
    };
    let mut arguments = arguments.iter();
    while let Some(name) = arguments.next() {
        if name == "--chaos" {
            options.chaos = true;
            continue;
        }
        let value = arguments.next()?.parse().ok()?;
        match name.as_str() {
            "--kills" => options.kills = Some(value),
            "--seed" => options.seed = value,
            "--minutes" if value > 0 => options.minutes = Some(value),
            _ => return None,
        }
    }
    (!options.chaos || options.minutes.is_some()).then_some(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Options> {
        let arguments: Vec<String> = line.split_whitespace().map(String::from).collect();
        options(&arguments)
    }

    #[test]
    fn chaos_is_only_for_minutes() {
        let parsed = parse("--minutes 3 --chaos --kills 9 --seed 7");
        let expected = Options {
            kills: Some(9),
            seed: 7,
            minutes: Some(3),
            chaos: true,
        };
        assert_eq!(parsed, Some(expected));
        assert_eq!(parse("").map(|options| options.seed), Some(1));
        for wrong in [
            "--chaos",
            "--minutes 0",
            "--minutes",
            "--kills x",
            "--deaths 1",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
