//! What every client of a bench is sent.

/// Events in the archive: seconds for the fast clients.
pub(super) const EVENTS: u64 = 1_000_000;
/// Events that the Python client reads in about the same time.
pub(super) const EVENTS_OF_PYTHON: u64 = 50_000;
/// Events in a bundle; all bundles are full.
const BUNDLE: u64 = 100;
/// Unacknowledged bundles. What a Management Center allows is not published; 1 is
/// the least, and every client can count on it.
const UNACKNOWLEDGED: u32 = 1;
/// Events in an archival second. A collector that removes duplicates keeps the
/// digests of several seconds.
const PER_SECOND: u64 = 10_000;

/// The options of a server.
pub(super) struct Load {
    archive: Vec<String>,
    /// Events in a bundle.
    pub(super) bundle: u64,
    /// Other options.
    pub(super) more: Vec<String>,
}

impl Default for Load {
    fn default() -> Self {
        Self::generated(EVENTS, PER_SECOND)
    }
}

impl Load {
    /// So many generated events, and so many of them in an archival second.
    pub(super) fn generated(count: u64, per_second: u64) -> Self {
        let archive = ["--count", &count.to_string(), "--per-second"].map(String::from);
        let per_second = per_second.clamp(1, PER_SECOND).to_string();
        Self {
            archive: [&archive[..], &[per_second]].concat(),
            bundle: BUNDLE,
            more: Vec::new(),
        }
    }

    /// The lines of a file.
    pub(super) fn replayed(file: &str, bundle: u64) -> Self {
        Self {
            archive: vec!["--replay".to_owned(), file.to_owned()],
            bundle,
            more: Vec::new(),
        }
    }

    pub(super) fn arguments(&self) -> Vec<String> {
        let bundles = [
            "--bundle",
            &self.bundle.to_string(),
            "--unacked",
            &UNACKNOWLEDGED.to_string(),
        ];
        [&self.archive, &bundles.map(String::from)[..], &self.more].concat()
    }
}

/// What the tables say of it.
pub(super) fn described() -> String {
    format!(
        "{PER_SECOND} events per archival second, bundles of {BUNDLE}, {UNACKNOWLEDGED} \
         unacknowledged"
    )
}
