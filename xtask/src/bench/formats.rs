//! What each format costs.

use std::fs;
use std::process::{Command, Stdio};

use super::contender::Contender;
use super::scene::{Scene, program};
use super::usage::Usage;
use crate::{Result, process};

/// Events that are formatted in a run.
const EVENTS: u64 = 200_000;
/// The best of so many runs counts.
const ROUNDS: u32 = 3;
const FORMATS: [&str; 5] = ["ndjson", "ndjson+envelope", "ftd", "cef", "leef"];

/// Collects events and writes them in each format into nothing; prints the processor time.
pub(super) fn cost(scene: &Scene) -> Result {
    let server = Contender::Collector.server(scene);
    server.clean()?;
    let arguments = Contender::Collector.arguments(server, EVENTS);
    let output = process::output(Command::new(&arguments[0]).args(&arguments[1..]))?;
    Contender::Collector.judge(EVENTS, &output)?;
    let file = server.file("events");
    let bytes = fs::metadata(&file)
        .map_err(|error| error.to_string())?
        .len();
    println!(
        "\n`estreamer convert`, {EVENTS} events of {} bytes, best of {ROUNDS} runs\n\n\
         | format | CPU, µs/event | events/s on one core |\n|---|---:|---:|",
        bytes / EVENTS
    );
    for format in FORMATS {
        let mut best = f64::MAX;
        for _ in 0..ROUNDS {
            let before = Usage::now(server.id());
            let mut command = Command::new(program());
            command.args(["convert", &file, "--format", format]);
            let status = command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .map_err(|error| process::could_not_start(&command, &error))?;
            if !status.success() {
                return Err(format!("`estreamer convert --format {format}`: {status}"));
            }
            best = best.min(Usage::now(server.id()).since(&before).client);
        }
        let each = best / EVENTS as f64;
        println!("| {format} | {:.2} | {:.0} |", each * 1e6, 1.0 / each);
    }
    server.clean()
}
