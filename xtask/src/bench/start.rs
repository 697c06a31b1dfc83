//! From the start of the program until every source has delivered an event.

use super::collector::{self, Collector, PEM, Taken};
use super::data::Data;
use super::identities;
use super::load::Load;
use super::scene::Scene;
use crate::Result;

const SOURCES: [u64; 4] = [1, 10, 100, 1000];
/// The best of so many runs counts.
const ROUNDS: u32 = 3;

/// Columns of the table.
pub(super) const COUNT: &str = "sources";
pub(super) const OWN: &str = "a PKCS#12 file each, s";
pub(super) const SHARED: &str = "one PKCS#12 file, s";
pub(super) const OF_PEM: &str = "PEM files, s";
pub(super) const OWN_CPU: &str = "a PKCS#12 file each, CPU s";
pub(super) const SHARED_CPU: &str = "one PKCS#12 file, CPU s";
pub(super) const OF_PEM_CPU: &str = "PEM files, CPU s";

/// Every source has one event.
pub(super) fn cost(scene: &Scene) -> Result<Data> {
    identities::make(scene, SOURCES[SOURCES.len() - 1])?;
    let mut data = Data::new(&[COUNT, OWN, SHARED, OF_PEM, OWN_CPU, SHARED_CPU, OF_PEM_CPU]);
    let mut load = Load::generated(1, 1);
    load.more.push("--no-address-check".to_owned());
    let server = scene.server(&load)?;
    for sources in SOURCES {
        let identities: [fn(u64) -> String; 3] = [
            identities::own,
            |_| identities::shared(),
            |_| PEM.to_owned(),
        ];
        let collectors = identities.map(|identity| {
            let mut collector = Collector::of(&server, sources);
            collector.identities = (0..sources).map(identity).collect();
            collector
        });
        let run = |index: usize| collectors[index].run();
        let taken = collector::best(ROUNDS, collectors.len(), run, Taken::seconds)?;
        let elapsed = taken.iter().map(|taken| format!("{:.3}", taken.seconds()));
        let processor = taken.iter().map(|taken| format!("{:.2}", taken.processor));
        let row = std::iter::once(sources.to_string());
        data.push(row.chain(elapsed).chain(processor).collect());
    }
    data.note(
        "runs",
        format!("one event for each source, best of {ROUNDS} runs"),
    );
    Ok(data)
}
