//! The archive's part of `estreamer simulate`.

use std::path::{Path, PathBuf};

use clap::Args;
use estreamer_core::wire::InitialTimestamp;

use super::super::Failure;
use estreamer::config::from;
use estreamer::input;
use estreamer_simulate::archive::{Archive, ArchiveContent, ArchiveOptions, Live, Oddities};
use estreamer_simulate::generator::GeneratorOptions;
use estreamer_simulate::replay::Replay;

/// What the archive holds.
#[derive(Args)]
#[command(next_help_heading = "Archive")]
pub(super) struct ArchiveArgs {
    /// So many events are in the archive from the beginning. Not given, it is all
    /// lines of a file; none with --live; and otherwise the archive never ends:
    /// events are stored as fast as they are read.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Store so many events a second while the server runs.
    #[arg(long, value_name = "EPS", value_parser = clap::value_parser!(u32).range(1..))]
    live: Option<u32>,
    /// Store live events so many at a time.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "live", value_parser = clap::value_parser!(u32).range(1..))]
    burst: u32,
    /// The archive holds the lines of this file, byte for byte.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["start", "per_second", "crowd", "disorder", "late", "twins", "clock_back", "clock_ahead"])]
    replay: Option<PathBuf>,
    /// Chooses the generated events, and the values of --chaos; the same seed
    /// gives the same bytes.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// Archival time of the first event: UNIX seconds, RFC 3339, or a time ago
    /// like -1h.
    #[arg(long, value_name = "TIME", default_value = "1750000000", value_parser = start, allow_hyphen_values = true)]
    start: u32,
    /// Events of the history stored in one second.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    per_second: u32,
    /// Events stored in the second second, if not as many as in the others.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    crowd: Option<u64>,
    /// Shuffle archival seconds: an event may be so many seconds older than the
    /// newest before it.
    #[arg(long, value_name = "SECS", default_value_t = 0)]
    disorder: u32,
    /// One event in a hundred is stored so many seconds late.
    #[arg(long, value_name = "SECS", default_value_t = 0)]
    late: u32,
    /// So many events of 100 are byte-identical twins of another in the same
    /// second.
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=50))]
    twins: u8,
    /// The server's clock is set back so many seconds before the first live event.
    #[arg(long, value_name = "SECS", default_value_t = 0, requires = "live")]
    clock_back: u32,
    /// The server's clock is ahead by so many seconds: it stores the same events
    /// later than another server does (high availability).
    #[arg(long, value_name = "SECS", default_value_t = 0)]
    clock_ahead: u32,
}

impl ArchiveArgs {
    /// The archive asked for.
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
    let mut bytes = input::read(path, MOST_BYTES)
        .map_err(|error| failed(&format!("cannot read {}: {error}", path.display())))?;
    Replay::parse(std::mem::take(&mut *bytes))
        .map_err(|error| failed(&format!("{}: {error}", path.display())))
}

/// Bytes of a file of events that is replayed.
const MOST_BYTES: usize = 1 << 30;

/// A time, but neither of the words that are none.
fn start(text: &str) -> Result<u32, String> {
    match from::parse(text)? {
        InitialTimestamp::OLDEST | InitialTimestamp::NOW => {
            Err("use UNIX seconds, 2026-01-31T12:00:00Z, or a time ago like -1h".into())
        }
        InitialTimestamp(second) => Ok(second),
    }
}
