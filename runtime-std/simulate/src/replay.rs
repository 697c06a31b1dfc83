//! The lines of a file as events.

mod line;
#[cfg(test)]
mod tests;

pub(super) use line::LineView;
pub use line::ReplayLine;

use std::fmt;
use std::ops::Range;

use estreamer_core::fqe::EventKind;

use super::selection::Selection;
use crate::catalog::Catalog;
use line::Members;

/// A file of events, one a line, in memory.
#[derive(Debug)]
pub struct Replay {
    bytes: Vec<u8>,
    events: Vec<(EventKind, u32, Range<usize>)>,
    /// The field names of each event type's lines, each once.
    names: [Vec<String>; 4],
    catalog: Catalog,
}

/// Why a file cannot be replayed.
#[derive(Debug)]
pub enum ReplayError {
    /// A line is no event.
    ReplayLine {
        /// Counted from 1.
        number: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// It holds no line.
    Empty,
}

impl Replay {
    /// Reads events as JSON, one a line. Empty lines are left out.
    ///
    /// # Errors
    /// [`ReplayError`] names the line.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, ReplayError> {
        let mut events = Vec::new();
        let mut names: [Vec<String>; 4] = Default::default();
        let mut start = 0;
        for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let end = start + line.len();
            if !line.trim_ascii().is_empty() {
                let (kind, archival) =
                    read(line, &mut names).map_err(|reason| ReplayError::ReplayLine {
                        number: number + 1,
                        reason,
                    })?;
                events.push((kind, archival, start..end));
            }
            start = end + 1;
        }
        if events.is_empty() {
            return Err(ReplayError::Empty);
        }
        let catalog = Catalog::of_events(&names);
        Ok(Self {
            bytes,
            events,
            names,
            catalog,
        })
    }

    /// Events in the file.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// What may be asked of these events: the simulator's own catalogue and
    /// every field of the file. Its `DetailFieldSet` holds all that is in no
    /// other set, so the guide's example request asks for the lines as they are.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Event `index`, counted from 0.
    pub fn line(&self, index: usize) -> Option<ReplayLine<'_>> {
        let (kind, archival, range) = self.events.get(index)?;
        Some(ReplayLine {
            kind: *kind,
            archival: *archival,
            data: &self.bytes[range.clone()],
        })
    }

    /// The lines as a request wants them.
    pub(super) fn view(&self, request: Selection) -> LineView {
        LineView::new(request, &self.names)
    }
}

/// What a line is and when it was stored; its field names go where they are new.
fn read(line: &[u8], names: &mut [Vec<String>; 4]) -> Result<(EventKind, u32), String> {
    let members = Members::parse(line).map_err(|error| error.to_string())?;
    let kind = members.text("EventType").ok_or("it has no EventType")?;
    let kind = EventKind::from_name(&kind).ok_or(format!("EventType {kind:?} is not known"))?;
    // The latest of the times it names: a server stored it then at the earliest.
    // An archival time of 0 would mean metadata.
    let archival = ["EventSecond", "FirstPacketSecond", "LastPacketSecond"]
        .into_iter()
        .filter_map(|name| members.number(name))
        .fold(1, u32::max);
    let known = &mut names[kind as usize];
    for name in members.names() {
        if !known.iter().any(|known| known == name) {
            known.push(name.to_owned());
        }
    }
    Ok((kind, archival))
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReplayLine { number, reason } => write!(
                f,
                "line {number} is no event: {reason}; give one JSON object a line, with an \
                 EventType"
            ),
            Self::Empty => f.write_str("it holds no event"),
        }
    }
}

impl std::error::Error for ReplayError {}
