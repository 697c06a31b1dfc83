//! The same events from one source or from a thousand: time and memory.

use super::collector::{self, Collector, Taken};
use super::data::Data;
use super::identities;
use super::load::Load;
use super::scene::Scene;
use crate::Result;

/// Sources of a run. Each divides the events, and the history of an archival second.
const SOURCES: [u64; 4] = [1, 10, 100, 1000];
const EVENTS: u64 = 500_000;
const PER_SECOND: u64 = 10_000;
/// The best of so many runs counts.
const ROUNDS: u32 = 3;

/// Columns of the table.
pub(super) const COUNT: &str = "sources";
pub(super) const SECONDS: &str = "seconds";
pub(super) const MEMORY: &str = "memory at most, MiB";
pub(super) const SHARED: &str = "the same, one PKCS#12 file for all";

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
        ]);
    }
    data.note(
        "runs",
        format!(
            "{EVENTS} events of 1 KB of all sources together, a file, a state directory, a \
             PKCS#12 file for each source, best of {ROUNDS} runs"
        ),
    );
    Ok(data)
}
