//! Whether the files of outputs hold whole lines, each source in its order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use estreamer::fuzzing::aside::{decompressed, is_aside};
use estreamer::fuzzing::disk::ModelDisk;
use estreamer_core::wire::InitialTimestamp;

use crate::oracle::Oracle;
use crate::outputs::{self, BULK, OUT, OUTPUTS};
use crate::server::json;
use crate::sources::{SOURCES, Source};

const FOREIGN: &[u8] = b"<foreign ";

/// What others did to lines.
#[derive(Default)]
pub(crate) struct Damage {
    /// The rest of those that were cut.
    cut: BTreeSet<Vec<u8>>,
    /// How many bytes changed by themselves. A file with one may be told to be foreign, and keeps
    /// whatever a failed sync or a power loss left in it.
    pub(crate) rotten: usize,
}

impl Damage {
    /// A file was cut, or nothing explains its end any more: half a line may stay there.
    pub(crate) fn cut(&mut self, content: &[u8]) {
        let end = content.rsplit(|byte| *byte == b'\n').next();
        self.note(end.unwrap_or_default());
    }

    /// It was told that a file is left as it is. A failed sync and a power loss may have left zeros
    /// in it, which are the beginning of a line.
    pub(crate) fn left(&mut self, content: &[u8]) {
        self.cut(content);
        for line in content.split(|byte| *byte == b'\n') {
            let zeros = line.iter().rposition(|byte| *byte == 0);
            self.note(&line[..zeros.map_or(0, |last| last + 1)]);
        }
    }

    fn note(&mut self, piece: &[u8]) {
        if !piece.is_empty() {
            self.cut.insert(piece.to_vec());
        }
    }

    /// Returns what is behind the damage that a line begins with.
    fn behind<'l>(&self, line: &'l [u8]) -> impl Iterator<Item = &'l [u8]> {
        self.cut
            .iter()
            .filter_map(|piece| line.strip_prefix(&piece[..]))
    }

    /// Returns which files have other bytes than whole lines, or lines that are not in order.
    pub(crate) fn check(
        &self,
        disk: &ModelDisk,
        sources: &[Source],
        oracle: &Oracle,
    ) -> Result<(), String> {
        if self.rotten > 0 {
            return Ok(());
        }
        for output in (0..OUTPUTS.len()).filter(|output| *output != BULK) {
            let expected = expected(output, sources, oracle);
            for path in disk.paths(Path::new(OUT)) {
                if outputs::of_path(&path) == Some(output) && !is_aside(&path) {
                    let stored = disk.content(&path);
                    let content = decompressed(&stored);
                    // Something changed what is compressed; its manifest tells.
                    if path.extension().is_some_and(|end| end == "gz") && content == stored {
                        continue;
                    }
                    let checked = self.check_file(&content, &expected).and_then(|()| {
                        let once = |line: &str| !oracle.may_come_again(output, line);
                        check_order(&content, &expected, once)
                    });
                    checked.map_err(|what| format!("{} has {what}", path.display()))?;
                }
            }
        }
        Ok(())
    }

    fn check_file(&self, content: &[u8], expected: &Expected) -> Result<(), String> {
        for line in content.split(|byte| *byte == b'\n') {
            if !self.is_explained(line, expected) {
                let line = String::from_utf8_lossy(line);
                return Err(format!("{line:?}: not a whole line"));
            }
        }
        match content.last() {
            Some(b'\n') | None => Ok(()),
            Some(_) if self.is_damage(content.rsplit(|byte| *byte == b'\n').next()) => Ok(()),
            Some(_) => Err("no line end at its end: not a whole line".into()),
        }
    }

    fn is_damage(&self, line: Option<&[u8]>) -> bool {
        let line = line.unwrap_or_default();
        self.behind(line).any(<[u8]>::is_empty)
    }

    fn is_explained(&self, line: &[u8], expected: &Expected) -> bool {
        line.is_empty()
            || is_foreign(line)
            || expected.contains_key(line)
            || self
                .behind(line)
                .any(|rest| self.is_explained(rest, expected))
    }
}

/// The lines of an output, with the number of their source and their place in its archive if they
/// have to be in order.
type Expected = BTreeMap<Vec<u8>, Option<(usize, usize)>>;

/// The events of a source are in the order of its archive, but those that come once more, and
/// those of a server whose clock was set back.
fn check_order(
    content: &[u8],
    expected: &Expected,
    once: impl Fn(&str) -> bool,
) -> Result<(), String> {
    let mut last = [0; SOURCES.len()];
    for line in content.split(|byte| *byte == b'\n') {
        let Some(place) = expected.get(line).copied() else {
            continue;
        };
        let line = String::from_utf8_lossy(line);
        if let Some((source, place)) = place.filter(|_| once(&line)) {
            if place < last[source] {
                return Err(format!("{line:?} behind later events: out of order"));
            }
            last[source] = place;
        }
    }
    Ok(())
}

fn expected(output: usize, sources: &[Source], oracle: &Oracle) -> Expected {
    let tag = OUTPUTS[output].tag;
    let mut lines = Expected::new();
    for (number, source) in sources.iter().enumerate() {
        let archive = source.server.archive.archive.iter().enumerate();
        for (place, (_, text)) in archive {
            let line = format!("{tag}{}", json(text));
            // What is not promised, or was stored before a source was asked for new events, may
            // come later.
            let is_old = source.ask == InitialTimestamp::NOW;
            let is_ordered = !is_old && !source.is_set_back && oracle.is_due(output, number, place);
            let place = is_ordered.then_some((number, place));
            lines.entry(line.into_bytes()).or_insert(place);
        }
    }
    lines
}

/// Whether a line ends with one of another program: what was not committed before it can be cut
/// no more.
fn is_foreign(line: &[u8]) -> bool {
    let mut windows = line.windows(FOREIGN.len());
    windows
        .rposition(|window| window == FOREIGN)
        .is_some_and(|at| {
            line[at..].iter().position(|byte| *byte == b'>') == Some(line.len() - at - 1)
        })
}
