//! What each format costs.

use std::fs;
use std::process::{Command, Stdio};

use super::contender::Contender;
use super::scene::{Scene, Server, program};
use super::usage::Usage;
use crate::{Result, process};

/// Events that are formatted in a run.
const EVENTS: u64 = 200_000;
/// The best of so many runs counts.
const ROUNDS: u32 = 3;
const FORMATS: [&str; 8] = [
    "ndjson",
    "ndjson+envelope",
    "ftd",
    "cef",
    "leef",
    "ecs",
    "ocsf",
    "splunk",
];
/// The length of shortened events in bytes.
const SHORT: usize = 700;

/// Collects events and writes them in each format into nothing; prints the processor time.
/// The same again with events that are cut to their first fields.
pub(super) fn cost(scene: &Scene) -> Result {
    let server = Contender::Collector.server(scene);
    server.clean()?;
    let arguments = Contender::Collector.arguments(server, EVENTS);
    let output = process::output(Command::new(&arguments[0]).args(&arguments[1..]))?;
    Contender::Collector.judge(EVENTS, &output)?;
    let file = server.file("events");
    measure(server, &file)?;
    let about = |error: std::io::Error| format!("{file}: {error}");
    let events = fs::read_to_string(&file).map_err(about)?;
    let short: String = events.lines().map(shortened).collect();
    let file = format!("{file}-short");
    fs::write(&file, short).map_err(|error| error.to_string())?;
    measure(server, &file)?;
    fs::remove_file(&file).map_err(|error| error.to_string())?;
    server.clean()
}

/// Returns a line with the first members of an event.
fn shortened(event: &str) -> String {
    let begins_member = |at: &usize| {
        let name = &event[at + 3..];
        let name = name.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        name.starts_with("\":")
    };
    let separators = event.match_indices(", \"").map(|(at, _)| at);
    let ends = separators
        .take_while(|at| *at < SHORT)
        .filter(begins_member);
    match ends.last().filter(|_| event.len() > SHORT) {
        Some(end) => format!("{}}}\n", &event[..end]),
        None => format!("{event}\n"),
    }
}

fn measure(server: &Server, file: &str) -> Result {
    let bytes = fs::metadata(file).map_err(|error| error.to_string())?.len();
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
            command.args(["convert", file, "--format", format]);
            let status = command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .map_err(|error| process::could_not_start(&command, &error))?;
            // 1: packets have no place in ftd.
            if !matches!(status.code(), Some(0 | 1)) {
                return Err(format!("`estreamer convert --format {format}`: {status}"));
            }
            best = best.min(Usage::now(server.id()).since(&before).client);
        }
        let each = best / EVENTS as f64;
        println!("| {format} | {:.2} | {:.0} |", each * 1e6, 1.0 / each);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_cut_between_two_members() {
        let value = "x".repeat(SHORT);
        let event = format!("{{\"a\":\"b, \", \"c\":1, \"d\":\"{value}\"}}");
        assert_eq!(shortened(&event), "{\"a\":\"b, \", \"c\":1}\n");
        assert_eq!(shortened("{\"a\":1}"), "{\"a\":1}\n");
    }
}
