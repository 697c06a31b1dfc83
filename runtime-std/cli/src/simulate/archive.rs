//! The archive options of `estreamer simulate`.

use std::path::{Path, PathBuf};

use clap::Args;
use estreamer_core::wire::InitialTimestamp;

use super::super::Failure;
use estreamer::config::from;
use estreamer::shared;
use estreamer_simulate::archive::{Archive, ArchiveContent, ArchiveOptions, Live, Oddities};
use estreamer_simulate::generator::GeneratorOptions;
use estreamer_simulate::replay::Replay;

/// The content of the archive.
#[derive(Args)]
#[command(next_help_heading = "Archive")]
pub(super) struct ArchiveArgs {
    /// The number of events in the history. By default: all lines of a file; none with --live;
    /// otherwise the archive is endless, and events are stored as fast as they are read.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Store this number of events a second while the server runs.
    #[arg(long, value_name = "EPS", value_parser = clap::value_parser!(u32).range(1..))]
    live: Option<u32>,
    /// Store this number of live events at once.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "live", value_parser = clap::value_parser!(u32).range(1..))]
    burst: u32,
    /// Serve the lines of this file, byte for byte.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["start", "per_second", "crowd", "disorder", "late", "twins", "clock_back", "clock_ahead"])]
    replay: Option<PathBuf>,
    /// The seed of generated events and of --chaos values; the same seed results in the same
    /// bytes.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// The archival time of the first event: UNIX seconds, RFC 3339, or a time ago like -1h.
    #[arg(long, value_name = "TIME", default_value = "1750000000", value_parser = start, allow_hyphen_values = true)]
    start: u32,
    /// Events of the history per archival second.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    per_second: u32,
    /// Events in the second archival second, if it differs.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    crowd: Option<u64>,
    /// Shuffle archival seconds: an event may be this many seconds older than the newest one
    /// before it.
    #[arg(long, value_name = "SECS", default_value_t = 0)]
    disorder: u32,
    /// Store one event in a hundred this many seconds late.
    #[arg(long, value_name = "SECS", default_value_t = 0)]
    late: u32,
    /// The percentage of events that are byte-identical to another one in the same second.
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=50))]
    twins: u8,
    /// Set the clock of the server back by this many seconds before the first live event.
    #[arg(long, value_name = "SECS", default_value_t = 0, requires = "live")]
    clock_back: u32,
    /// Set the clock of the server ahead by this many seconds: it stores the same events later
    /// than another server (high availability).
    #[arg(long, value_name = "SECS", default_value_t = 0)]
    clock_ahead: u32,
}

impl ArchiveArgs {
    /// Returns the archive.
    pub(super) fn archive(&self) -> Result<Archive, Failure> {
        let content = match &self.replay {
            Some(path) => ArchiveContent::Lines(replay(path)?),
            None => ArchiveContent::Generated(GeneratorOptions {
                seed: self.seed,
                start: self.start,
                per_second: self.per_second,
                ..GeneratorOptions::default()
            }),
        };
        let live = match (self.live, self.count) {
            (Some(per_second), _) => Live::Rate {
                per_second,
                burst: self.burst,
            },
            (None, None) if self.replay.is_none() => Live::Endless,
            (None, _) => Live::Nothing,
        };
        let history = match (self.count, self.live) {
            (None, Some(_)) => Some(0),
            (count, _) => count,
        };
        Ok(Archive::new(ArchiveOptions {
            content,
            history,
            live,
            oddities: Oddities {
                disorder: self.disorder,
                late: self.late,
                twins: self.twins,
                crowd: self.crowd.unwrap_or(0),
                clock_back: self.clock_back,
                clock_ahead: self.clock_ahead,
            },
        }))
    }
}

fn replay(path: &Path) -> Result<Replay, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::failed(error, "");
    let mut bytes = shared::read(path, MOST_BYTES)
        .map_err(|error| failed(&format!("cannot read {}: {error}", path.display())))?;
    Replay::parse(std::mem::take(&mut *bytes))
        .map_err(|error| failed(&format!("{}: {error}", path.display())))
}

/// The maximum size of a file to replay in bytes.
const MOST_BYTES: usize = 1 << 30;

/// Parses a time, but not `oldest` or `now`.
fn start(text: &str) -> Result<u32, String> {
    match from::parse(text)? {
        InitialTimestamp::OLDEST | InitialTimestamp::NOW => {
            Err("use UNIX seconds, 2026-01-31T12:00:00Z, or a time ago like -1h".into())
        }
        InitialTimestamp(second) => Ok(second),
    }
}
