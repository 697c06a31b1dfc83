//! What each format costs.

use std::fs;
use std::process::{Command, Stdio};

use super::contender::Contender;
use super::data::Data;
use super::load::Load;
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
const CUT: usize = 700;

/// Columns of the table: events as they are, and cut to their first fields.
pub(super) const LONG: &str = "long event, µs";
pub(super) const SHORT: &str = "short event, µs";

/// Collects events and writes them in each format into nothing: the processor time.
/// The same again with events that are cut to their first fields.
pub(super) fn cost(scene: &Scene) -> Result<Data> {
    let server = scene.server(&Load::default())?;
    server.clean()?;
    let arguments = Contender::Collector.arguments(&server, EVENTS);
    let output = process::output(Command::new(&arguments[0]).args(&arguments[1..]))?;
    Contender::Collector.judge(server.bundle, EVENTS, &output)?;
    let long = server.file("events");
    let about = |error: std::io::Error| format!("{long}: {error}");
    let events = fs::read_to_string(&long).map_err(about)?;
    let cut: String = events.lines().map(shortened).collect();
    let short = format!("{long}-short");
    fs::write(&short, &cut).map_err(|error| error.to_string())?;
    let mut data = Data::new(&[
        "format",
        LONG,
        "long events/s on one core",
        SHORT,
        "short events/s on one core",
    ]);
    for format in FORMATS {
        let [long, short] = [
            measure(&server, &long, format)?,
            measure(&server, &short, format)?,
        ];
        let [long, short] =
            [long, short].map(|each| [format!("{:.2}", each * 1e6), format!("{:.0}", 1.0 / each)]);
        data.push([&[format.to_owned()][..], &long, &short].concat());
    }
    data.note(
        "runs",
        format!(
            "{EVENTS} events, long: {} bytes on average, short: {} bytes, best of {ROUNDS} runs",
            events.len() as u64 / EVENTS,
            cut.len() as u64 / EVENTS
        ),
    );
    fs::remove_file(&short).map_err(|error| error.to_string())?;
    server.clean()?;
    Ok(data)
}

/// Returns a line with the first members of an event.
fn shortened(event: &str) -> String {
    let begins_member = |at: &usize| {
        let name = &event[at + 3..];
        let name = name.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        name.starts_with("\":")
    };
    let separators = event.match_indices(", \"").map(|(at, _)| at);
    let ends = separators.take_while(|at| *at < CUT).filter(begins_member);
    match ends.last().filter(|_| event.len() > CUT) {
        Some(end) => format!("{}}}\n", &event[..end]),
        None => format!("{event}\n"),
    }
}

/// Seconds of processor time for an event.
fn measure(server: &Server, file: &str, format: &str) -> Result<f64> {
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
    Ok(best / EVENTS as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_cut_between_two_members() {
        let value = "x".repeat(CUT);
        let event = format!("{{\"a\":\"b, \", \"c\":1, \"d\":\"{value}\"}}");
        assert_eq!(shortened(&event), "{\"a\":\"b, \", \"c\":1}\n");
        assert_eq!(shortened("{\"a\":1}"), "{\"a\":1}\n");
    }
}
