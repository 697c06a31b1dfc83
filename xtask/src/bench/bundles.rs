//! Bundles of one event to a thousand.

use super::contender::Contender;
use super::data::Data;
use super::load::{EVENTS, Load};
use super::race;
use super::scene::Scene;
use crate::Result;

const BUNDLES: [u64; 4] = [1, 10, 100, 1000];
/// Bundles of a run at most.
const MOST: u64 = 50_000;
/// The best of so many runs counts.
const ROUNDS: u32 = 3;

/// Columns of the table.
pub(super) const COUNT: &str = "events in a bundle";
pub(super) const COLUMNS: [&str; 6] = [
    "collector, events/s",
    "bare drain, events/s",
    "collector, µs/event",
    "bare drain, µs/event",
    "server busy, collector",
    "server busy, bare drain",
];

/// The collector and the bare drain in turns, over the size of a bundle.
pub(super) fn cost(scene: &Scene) -> Result<Data> {
    let mut data = Data::new(&[&[COUNT][..], &COLUMNS].concat());
    for bundle in BUNDLES {
        let mut load = Load::default();
        load.bundle = bundle;
        let server = scene.server(&load)?;
        let events = (bundle * MOST).min(EVENTS);
        let clients = [Contender::Collector, Contender::Drain];
        let runs = race::best(&server, clients, events, ROUNDS)?;
        let rates = runs.map(|run| format!("{:.0}", run.rate()));
        let costs = runs.map(|run| format!("{:.2}", run.usage.client * 1e6 / events as f64));
        let busy = runs.map(|run| run.server_busy());
        data.push([&[bundle.to_string()][..], &rates, &costs, &busy].concat());
    }
    data.note(
        "runs",
        format!("events of 1 KB, one unacknowledged bundle, best of {ROUNDS} runs"),
    );
    Ok(data)
}
