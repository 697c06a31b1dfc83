//! A server far away: null messages ahead of need, and acknowledgement ahead of the outputs.

use super::collector::{self, Collector, Taken};
use super::data::Data;
use super::load::{EVENTS, Load};
use super::scene::{Scene, Server};
use crate::Result;

/// Round trips in milliseconds.
const DELAYS: [u64; 3] = [0, 1, 20];
const PREPAID: [u64; 5] = [0, 4, 16, 64, 256];
/// What the collector does by default, and what it does without acknowledging ahead.
const AHEAD: [u64; 2] = [16, 0];
/// A run is about so long if the round trip bounds it, and has at most so many events.
const MILLISECONDS: u64 = 1_500;
const MOST: u64 = EVENTS / 2;
/// The best of so many runs counts.
const ROUNDS: u32 = 3;

/// Columns of the table.
pub(super) const NULLS: &str = "null messages ahead of need";
pub(super) const COLUMNS: [&str; 6] = [
    "0 ms",
    "1 ms",
    "20 ms",
    "0 ms, `ahead = 0`",
    "1 ms, `ahead = 0`",
    "20 ms, `ahead = 0`",
];

/// One server for each round trip; all runs of a row in turns.
pub(super) fn cost(scene: &Scene) -> Result<Data> {
    let servers: Vec<(u64, Server)> = DELAYS
        .iter()
        .map(|delay| {
            let mut load = Load::default();
            let options = ["--surplus-nulls", "credit", "--delay", &delay.to_string()];
            load.more = options.map(String::from).into();
            Ok((*delay, scene.server(&load)?))
        })
        .collect::<Result<_>>()?;
    let mut data = Data::new(&[&[NULLS][..], &COLUMNS].concat());
    for prepaid in PREPAID {
        let mut collectors = Vec::new();
        for ahead in AHEAD {
            for (delay, server) in &servers {
                let mut collector = Collector::of(server, events(*delay, prepaid, server.bundle));
                collector.top = format!("[ack]\nahead = {ahead}\nprepaid = {prepaid}\n");
                collectors.push(collector);
            }
        }
        let run = |index: usize| collectors[index].run();
        let taken = collector::best(ROUNDS, collectors.len(), run, Taken::seconds)?;
        let rates = collectors.iter().zip(taken).map(|(collector, taken)| {
            let rate = collector.events as f64 / taken.seconds();
            format!("{rate:.0}")
        });
        data.push(std::iter::once(prepaid.to_string()).chain(rates).collect());
    }
    data.note(
        "runs",
        format!("events/s, bundles of 100 events of 1 KB, a file, best of {ROUNDS} runs"),
    );
    Ok(data)
}

/// As many as the round trip allows for in the time of a run, in full bundles.
fn events(delay: u64, prepaid: u64, bundle: u64) -> u64 {
    let round_trips = MILLISECONDS.checked_div(delay).unwrap_or(MOST);
    let events = round_trips * (prepaid + 1) * bundle;
    events.min(MOST) / bundle * bundle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_run_has_fewer_events() {
        assert_eq!(events(0, 0, 100), MOST);
        assert_eq!(events(20, 0, 100), 7_500);
        assert_eq!(events(20, 256, 100), MOST);
    }
}
