//! A collector's whole life, at a fixed pace.

use std::collections::VecDeque;
use std::io;

use estreamer::fuzzing::FileNotice;
use estreamer::fuzzing::collector::{ModelCollector, ModelEvent, OutputTarget, Sent};
use estreamer::fuzzing::disk::ModelDisk;
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::buffer::BundleStart;

/// What is collected, and how.
#[derive(Clone)]
pub(crate) struct Setting {
    /// By name, in the order in which the server stored them.
    pub(crate) sources: Vec<(&'static str, Vec<ModelEvent>)>,
    /// Where the outputs write.
    pub(crate) outputs: Vec<OutputTarget>,
    /// Events in a batch.
    pub(crate) batch: usize,
    /// Batches that the last output lies behind the others.
    pub(crate) lag: usize,
    /// Batches between two commits.
    pub(crate) commit: usize,
    /// Operations of a commit that are done before the next batch; `None` for all of them.
    pub(crate) operations: Option<usize>,
    /// Seconds asked for again.
    pub(crate) overlap: u32,
    /// Our clock, UNIX seconds.
    pub(crate) now: u64,
}

/// Runs the collector until it has everything, or the disk crashes. All
/// sources start with "oldest". Returns what was told of files.
pub(crate) fn run(setting: &Setting, disk: &ModelDisk, boot: &str) -> io::Result<Vec<FileNotice>> {
    let mut collector = ModelCollector::open(disk, boot, &setting.outputs, setting.overlap)?;
    let mut streams: Vec<(&str, VecDeque<&ModelEvent>)> = setting
        .sources
        .iter()
        .map(|(name, events)| {
            let from = collector.connect(name, InitialTimestamp::OLDEST, setting.now)?;
            let asked = events.iter().filter(|event| event.0 >= from.0);
            Ok((*name, asked.collect()))
        })
        .collect::<io::Result<_>>()?;
    let last = setting.outputs.len() - 1;
    let mut turn = 0;
    // Sources take turns; the last output starts late and catches up at the end.
    while streams.iter().any(|(_, events)| !events.is_empty()) {
        let index = turn % streams.len();
        let (name, events) = &mut streams[index];
        turn += 1;
        let count = setting.batch.min(events.len());
        let events = events.drain(..count).enumerate();
        let events: Vec<Sent> = events
            .map(|(index, event)| (event.clone(), (index == 0).then_some(BundleStart::Next)))
            .collect();
        if events.is_empty() {
            continue;
        }
        collector.batch(name, &events, setting.now)?;
        for output in 0..=last {
            collector.write(output, if output == last { setting.lag } else { 0 })?;
        }
        if turn % setting.commit == 0 {
            match setting.operations {
                None => collector.commit()?,
                Some(operations) => {
                    for _ in 0..operations {
                        collector.advance_commit()?;
                    }
                }
            }
        }
    }
    for output in 0..=last {
        collector.write(output, 0)?;
    }
    collector.commit()?;
    Ok(collector.notices())
}
