//! Events of 200 bytes to 1 MiB.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::contender::Contender;
use super::data::Data;
use super::load::Load;
use super::race;
use super::scene::{self, Scene};
use crate::Result;

const SIZES: [u64; 5] = [200, 1 << 10, 10 << 10, 100 << 10, 1 << 20];
/// Bytes of all events of a run, and of a bundle if more than one event fits.
const ALL: u64 = 256 << 20;
const BUNDLE: u64 = 100 << 10;
/// The best of so many runs counts.
const ROUNDS: u32 = 3;

/// Columns of the table.
pub(super) const SIZE: &str = "bytes of an event";
pub(super) const COLUMNS: [&str; 6] = [
    "collector, events/s",
    "bare drain, events/s",
    "collector, MB/s",
    "bare drain, MB/s",
    "server busy, collector",
    "server busy, bare drain",
];

/// The collector and the bare drain in turns, over the size of an event.
pub(super) fn cost(scene: &Scene) -> Result<Data> {
    let mut data = Data::new(&[&[SIZE][..], &COLUMNS].concat());
    let file = scene.file("replay");
    for size in SIZES {
        let bundle = (BUNDLE / size).max(1);
        let events = ALL / size / bundle * bundle;
        write(Path::new(&file), size, events).map_err(|error| format!("{file}: {error}"))?;
        let server = scene.server(&Load::replayed(&file, bundle))?;
        let clients = [Contender::Collector, Contender::Drain];
        let runs = race::best(&server, clients, events, ROUNDS)?;
        let rates = runs.map(|run| format!("{:.0}", run.rate()));
        let bytes = runs.map(|run| format!("{:.0}", run.rate() * size as f64 / 1e6));
        let busy = runs.map(|run| run.server_busy());
        data.push([&[size.to_string()][..], &rates, &bytes, &busy].concat());
    }
    data.note(
        "runs",
        format!(
            "{} MiB of events, bundles of {} KiB or of one event, best of {ROUNDS} runs",
            ALL >> 20,
            BUNDLE >> 10
        ),
    );
    scene::remove(Path::new(&file))?;
    Ok(data)
}

/// Writes events of one size, 10,000 of them a second.
fn write(path: &Path, size: u64, events: u64) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for number in 0..events {
        file.write_all(event(size, number).as_bytes())?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

/// An event of so many bytes. Its URL is as long as it has to be.
fn event(size: u64, number: u64) -> String {
    let second = 1_750_000_000 + number / 10_000;
    let head = format!(
        r#"{{"EventType": "ConnectionEvent", "EventSecond": {second}, "URL": "{number:016}"#
    );
    let end = "\"}";
    let filler = (size as usize).saturating_sub(head.len() + end.len());
    head + &"x".repeat(filler) + end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_its_size() {
        for size in SIZES {
            assert_eq!(event(size, 7).len() as u64, size);
        }
    }
}
