//! Kills the real program again and again, and proves that nothing was lost,
//! nothing came twice, and nobody else's file changed: `cargo xtask soak`.

mod files;
mod random;
mod world;

use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use estreamer_tests::at_each;
use random::Random;
use world::{Ask, Tally, World};

/// Kills in one world: a server, a collector, and a state directory.
const IN_A_WORLD: u64 = 40;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = options(&arguments) else {
        eprintln!("soak [--kills N] [--seed N] [--minutes N]");
        return ExitCode::from(2);
    };
    let start = Instant::now();
    let total = match options.minutes {
        None => many_worlds(options.kills, options.seed, start),
        Some(minutes) => {
            let time = Duration::from_secs(60 * minutes);
            let world = World::new(options.seed, Ask::Oldest, true);
            let tally = world.of_life(time, options.kills).run(options.kills);
            println!("{}", tally.history);
            tally
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    let (seed, kills) = (options.seed, options.kills);
    println!("seed {seed}, {seconds:.0} s: {total}{}", total.faults());
    match total.is_sound() && total.kills >= kills {
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

struct Options {
    kills: u64,
    seed: u64,
    /// How long one world lives; `None` for many short ones.
    minutes: Option<u64>,
}

/// `[--kills N] [--seed N] [--minutes N]`.
fn options(arguments: &[String]) -> Option<Options> {
    let mut options = Options {
        kills: 2000,
        seed: 1,
        minutes: None,
    };
    for pair in arguments.chunks(2) {
        let [name, value] = pair else {
            return None;
        };
        let value = value.parse().ok()?;
        match name.as_str() {
            "--kills" => options.kills = value,
            "--seed" => options.seed = value,
            "--minutes" => options.minutes = Some(value),
            _ => return None,
        }
    }
    Some(options)
}
