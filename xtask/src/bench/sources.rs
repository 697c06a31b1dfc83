//! The same events from one source or from a thousand: time and memory.

use std::fs;
use std::path::PathBuf;

use super::collector::{self, Collector, PEM, Taken};
use super::data::Data;
use super::identities;
use super::load::Load;
use super::scene::{Scene, about, remove};
use crate::Result;

/// Sources of a run. Each divides the events, and the history of an archival second.
const SOURCES: [u64; 4] = [1, 10, 100, 1000];
const EVENTS: u64 = 500_000;
const PER_SECOND: u64 = 10_000;
/// Events of each source in the run that tells how fair the sources are served: so many that
/// the start of a thousand takes a small part of it.
const EVENTS_OF_EACH: u64 = 3000;
/// The best of so many runs counts.
const ROUNDS: u32 = 3;

/// Columns of the table.
pub(super) const COUNT: &str = "sources";
pub(super) const SECONDS: &str = "seconds";
pub(super) const MEMORY: &str = "memory at most, MiB";
pub(super) const SHARED: &str = "the same, one PKCS#12 file for all";
const FAIRNESS: &str = "fairness";

/// One server has all sources, with an identity file for each of them.
pub(super) fn cost(scene: &Scene) -> Result<Data> {
    identities::make(scene, SOURCES[SOURCES.len() - 1])?;
    let mut data = Data::new(&[
        COUNT,
        SECONDS,
        "events/s",
        "CPU, µs/event",
        "processors used",
        MEMORY,
        SHARED,
        FAIRNESS,
    ]);
    for sources in SOURCES {
        let mut load = Load::generated(EVENTS / sources, PER_SECOND / sources);
        load.more.push("--no-address-check".to_owned());
        let server = scene.server(&load)?;
        let identities: [fn(u64) -> String; 2] = [identities::own, |_| identities::shared()];
        let collectors = identities.map(|identity| {
            let mut collector = Collector::of(&server, EVENTS);
            collector.identities = (0..sources).map(identity).collect();
            collector
        });
        let run = |index: usize| collectors[index].run();
        let both = collector::best(ROUNDS, collectors.len(), run, Taken::seconds)?;
        let (taken, shared) = (both[0], both[1]);
        let seconds = taken.seconds();
        data.push(vec![
            sources.to_string(),
            format!("{seconds:.2}"),
            format!("{:.0}", EVENTS as f64 / seconds),
            format!("{:.2}", taken.processor / EVENTS as f64 * 1e6),
            format!("{:.2}", taken.processor / seconds),
            format!("{:.1}", taken.memory as f64 / 1024.0),
            format!("{:.1}", shared.memory as f64 / 1024.0),
            format!("{:.2}", fairness(scene, sources)?),
        ]);
    }
    data.note(
        "runs",
        format!(
            "{EVENTS} events of 1 KB of all sources together, a file, a state directory, a \
             PKCS#12 file for each source, best of {ROUNDS} runs; \
             fairness: {EVENTS_OF_EACH} events of each source, of which half are collected: \
             bytes of the source with the fewest, divided by those of the one with the most"
        ),
    );
    Ok(data)
}

/// Collects half of the events of all sources, a file for each source. Returns the size of
/// the smallest file divided by that of the largest.
fn fairness(scene: &Scene, sources: u64) -> Result<f64> {
    let mut load = Load::generated(EVENTS_OF_EACH, PER_SECOND);
    load.more.push("--no-address-check".to_owned());
    let server = scene.server(&load)?;
    let mut collector = Collector::of(&server, EVENTS_OF_EACH * sources / 2);
    collector.identities = (0..sources).map(|_| PEM.to_owned()).collect();
    collector.output = "url = \"file:fair/{source}\"\n".to_owned();
    let folder = PathBuf::from(server.file("fair"));
    remove(&folder)?;
    fs::create_dir(&folder).map_err(|error| about(&folder, &error))?;
    collector.run()?;
    let files = fs::read_dir(&folder).map_err(|error| about(&folder, &error))?;
    let sizes: Vec<u64> = files
        .filter_map(|file| Some(file.ok()?.metadata().ok()?.len()))
        .collect();
    remove(&folder)?;
    match (sizes.iter().min(), sizes.iter().max()) {
        (Some(&least), Some(&most)) if sizes.len() as u64 == sources && most > 0 => {
            Ok(least as f64 / most as f64)
        }
        // A source without a file has nothing.
        _ => Ok(0.0),
    }
}
