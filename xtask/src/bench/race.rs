//! The collector beside the other clients.

use std::process::{Command, Stdio};
use std::time::Instant;

use super::contender::Contender;
use super::scene::{Scene, Server};
use super::table::{Run, Table};
use super::usage::Usage;
use crate::{Result, process};

/// Each client's best run of so many counts …
const ROUNDS: u32 = 5;
/// … and for a check at least of so many, and of so many where it would fail: a disturbed run
/// only ever looks slower, so more of them show what the machine can do when left alone.
const ROUNDS_OF_A_CHECK: (u32, u32) = (3, 10);

/// All in turn, round after round, so that a busy minute hits them alike. A check goes on
/// while a ratio is missed.
pub(super) fn race(scene: &Scene, is_check: bool) -> Result<Table> {
    let mut table = Table::default();
    let (plain, nagle) = (
        scene.server(&Contender::Collector.load())?,
        scene.server(&Contender::Nagle.load())?,
    );
    loop {
        for contender in Contender::ALL {
            let server = match contender {
                Contender::Nagle => &nagle,
                _ => &plain,
            };
            let run = once(server, contender, contender.events())?;
            println!("{:<22} {:>9.0} events/s", contender.name(), run.rate());
            table.add(contender, run);
        }
        table.rounds += 1;
        let (least, most) = match is_check {
            true => ROUNDS_OF_A_CHECK,
            false => (ROUNDS, ROUNDS),
        };
        let is_enough = table.rounds >= least && (!is_check || table.check().is_ok());
        if is_enough || table.rounds >= most {
            return Ok(table);
        }
    }
}

/// Two clients in turn: the best run of each.
pub(super) fn best<const N: usize>(
    server: &Server,
    contenders: [Contender; N],
    events: u64,
    rounds: u32,
) -> Result<[Run; N]> {
    let mut best: [Option<Run>; N] = [None; N];
    for _ in 0..rounds {
        for (contender, best) in contenders.iter().zip(&mut best) {
            let run = once(server, *contender, events)?;
            if best.is_none_or(|best| run.rate() > best.rate()) {
                *best = Some(run);
            }
        }
    }
    Ok(best.map(|run| run.expect("there is a round")))
}

/// The whole process, from its start to its end, on empty files.
fn once(server: &Server, contender: Contender, events: u64) -> Result<Run> {
    server.clean()?;
    let arguments = contender.arguments(server, events);
    let mut command = Command::new(&arguments[0]);
    command.args(&arguments[1..]);
    if contender == Contender::Discard {
        command.stdout(Stdio::null());
    }
    let (before, start) = (Usage::now(server.id()), Instant::now());
    let output = process::output(&mut command)?;
    let elapsed = start.elapsed();
    let usage = Usage::now(server.id()).since(&before);
    contender.judge(server.bundle, events, &output)?;
    server.clean()?;
    Ok(Run {
        events,
        elapsed,
        usage,
    })
}
