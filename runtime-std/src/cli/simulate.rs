//! `estreamer simulate`: be the server.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::tls::{ClientRules, Identity};

use super::collect::system;
use super::{Failure, from, signals};
use crate::simulate::archive::{Archive, ArchiveOptions, Content, Live, Oddities};
use crate::simulate::generator::Options;
use crate::simulate::pki;
use crate::simulate::replay::Replay;
use crate::simulate::service::{Service, ServiceOptions};

/// Be an eStreamer server for tests: an archive of generated events, or of the
/// lines of a file.
#[derive(Args)]
#[command(
    after_help = "Example:\n  estreamer pki init pki\n  estreamer simulate --pki pki --count 1000 --live 10"
)]
pub(super) struct Simulate {
    /// Where to listen; port 0 lets the system choose. The address is printed.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8302")]
    listen: SocketAddr,
    /// A directory made by `estreamer pki init`.
    #[arg(long, value_name = "DIR")]
    pki: PathBuf,
    #[command(flatten)]
    archive: ArchiveArgs,
    /// Events in a bundle, at most.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    bundle: u32,
    /// Bundles sent before the first of them is acknowledged.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    unacked: u32,
    /// Send a null message after so many seconds of silence; 0: never.
    #[arg(long, value_name = "SECS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(..4_000_000))]
    keep_alive: u32,
    /// Send each client so many events a second, at most.
    #[arg(long, value_name = "EPS", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Accept clients whose certificate is for another address than they come
    /// from. Otherwise they are refused as a Management Center does it: by a
    /// close without a word.
    #[arg(long)]
    no_address_check: bool,
    /// Tell nothing about connections.
    #[arg(short, long)]
    quiet: bool,
}

/// What the archive holds.
#[derive(Args)]
#[command(next_help_heading = "Archive")]
struct ArchiveArgs {
    /// So many events are in the archive from the beginning. Without this and
    /// --live it never ends, and events are stored as fast as they are read; of
    /// a file, all lines are.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Store so many events a second while the server runs.
    #[arg(long, value_name = "EPS", value_parser = clap::value_parser!(u32).range(1..))]
    live: Option<u32>,
    /// Store live events so many at a time.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "live", value_parser = clap::value_parser!(u32).range(1..))]
    burst: u32,
    /// The archive holds the lines of this file, byte for byte.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "start", "per_second", "crowd", "disorder", "late", "twins"])]
    replay: Option<PathBuf>,
    /// Chooses the generated events; the same seed gives the same bytes.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
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
}

impl ArchiveArgs {
    fn archive(&self) -> Result<Archive, Failure> {
        let content = match &self.replay {
            Some(path) => {
                Content::Lines(Replay::open(path).map_err(|error| Failure::failed(error, ""))?)
            }
            None => Content::Generated(Options {
                seed: self.seed,
                start: self.start,
                per_second: self.per_second,
                ..Options::default()
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
            },
        }))
    }
}

/// A time, but neither of the words that are none.
fn start(text: &str) -> Result<u32, String> {
    match from::parse(text)? {
        InitialTimestamp::OLDEST | InitialTimestamp::NOW => {
            Err("use UNIX seconds, 2026-01-31T12:00:00Z, or a time ago like -1h".into())
        }
        InitialTimestamp(second) => Ok(second),
    }
}

impl Simulate {
    pub(super) fn run(self) -> Result<(), Failure> {
        let files = pki::load(&self.pki).map_err(|error| Failure::failed(error, ""))?;
        let identity = identity(&files)?;
        let service = Service::new(ServiceOptions {
            listen: self.listen,
            identity,
            clients: ClientRules {
                address: !self.no_address_check,
                ..ClientRules::default()
            },
            archive: self.archive.archive()?,
            rate: self.rate,
            bundle: self.bundle as usize,
            unacknowledged: self.unacked,
            keep_alive: self.keep_alive * 1000,
            log: (!self.quiet).then_some(log as fn(&str)),
        })
        .map_err(|error| Failure::failed(error, ""))?;
        signals::watch(service.handle()).map_err(system)?;
        // The address is what was asked for; scripts read it from here.
        let mut stdout = std::io::stdout();
        let _ = writeln!(stdout, "{}", service.address()).and_then(|()| stdout.flush());
        service.run().map_err(system)
    }
}

/// The server's identity out of a PKI directory.
fn identity(files: &pki::ServerPki) -> Result<Identity, Failure> {
    Identity::from_pem(&files.chain_pem, &files.key_pem, &files.ca_pem)
        .map_err(|error| Failure::failed(error, ""))
}

fn log(line: &str) {
    eprintln!("estreamer: {line}");
}
