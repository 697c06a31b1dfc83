//! The outputs of a model: where each event goes, what files begin with, and what waits.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use estreamer_mio::buffer::EventRecord;

use crate::config::ArchiveRules;
use crate::delivery::dedup::sequencer::RecordVerdict;
use crate::format::head::{PartHead, Section};
use crate::output::{Output, OutputPart, RecordInfo};

/// The destination of an output, and whether each kind of event has a separate file. The
/// kind is the last character of the event's text, quotes and brackets aside; it is appended
/// to the path.
#[derive(Debug, Clone, Copy)]
pub struct OutputTarget {
    /// The path, or its prefix.
    pub path: &'static str,
    /// What each line begins with.
    pub tag: &'static str,
    /// Whether each kind has a separate file.
    pub by_kind: bool,
    /// When files are closed, and what is done to them then.
    pub archive: ArchiveRules,
    /// What its files begin with.
    pub head: TargetHead,
}

/// What the files of an output begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetHead {
    /// Nothing.
    Nothing,
    /// [`FIRST_LINE`].
    FirstLine,
    /// A section with [`FIRST_LINE`] and one more line that begins with `#` for each source.
    Section,
}

/// The kinds of events: ordinary ones, and those with a second far ahead.
pub(super) const KINDS: [&str; 3] = ["x", "y", "f"];

/// The first line of a file that has one.
pub const FIRST_LINE: &str = "#\n";

impl OutputTarget {
    /// Returns the path for an event with this text.
    pub fn path_of(&self, text: &str) -> String {
        let text = text.trim_end_matches(['"', '}']);
        match (self.by_kind, text.chars().next_back()) {
            (true, Some(kind)) => format!("{}.{kind}", self.path),
            _ => self.path.into(),
        }
    }
}

/// An output and the batches in its queue.
pub(super) struct ModelOutput {
    pub(super) target: OutputTarget,
    pub(super) name: Arc<str>,
    pub(super) output: Box<dyn Output>,
    pub(super) queue: VecDeque<(u64, Vec<OutputPart>)>,
    /// The batches that the output has taken but not accepted.
    pub(super) taken: VecDeque<u64>,
    pub(super) accepted: u64,
    /// The batch that has to be durable before anything else is tried.
    pub(super) waits_for: u64,
    /// The batch that its receiver confirmed, until the journal has that.
    pub(super) confirmed: Option<u64>,
    section: Section,
}

/// The number of the next section.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl ModelOutput {
    /// `accepted` is the last batch that it has.
    pub(super) fn new(
        target: OutputTarget,
        name: Arc<str>,
        output: Box<dyn Output>,
        accepted: u64,
    ) -> Self {
        Self {
            target,
            name,
            output,
            queue: VecDeque::new(),
            taken: VecDeque::new(),
            accepted,
            waits_for: 0,
            confirmed: None,
            section: Section {
                number: NEXT.fetch_add(1, Ordering::Relaxed),
                blocks: vec![FIRST_LINE.as_bytes().into()],
            },
        }
    }

    /// Returns what the file of a part of this source has to hold.
    fn head(&mut self, source: &str) -> PartHead {
        match self.target.head {
            TargetHead::Nothing => PartHead::Nothing,
            TargetHead::FirstLine => PartHead::FirstLine(FIRST_LINE.as_bytes().into()),
            TargetHead::Section => {
                let block = format!("#{source}\n").into_bytes().into();
                if !self.section.blocks.contains(&block) {
                    self.section.blocks.push(block);
                }
                PartHead::Section(self.section.clone())
            }
        }
    }

    /// What the records of a batch that are kept are in the files of this output.
    pub(super) fn parts(
        &mut self,
        source: &Arc<str>,
        records: &[EventRecord<'_>],
        verdicts: &[RecordVerdict],
    ) -> Vec<OutputPart> {
        let mut parts: Vec<OutputPart> = Vec::new();
        for (record, verdict) in records.iter().zip(verdicts).filter(|(_, of)| of.keep) {
            let text = String::from_utf8_lossy(record.data);
            let path = self.target.path_of(&text);
            let part = match parts
                .iter_mut()
                .find(|part| *part.path == *Path::new(&path))
            {
                Some(part) => part,
                None => {
                    let path = Path::new(&path).into();
                    let mut part = OutputPart::new(path, "", source.clone(), 0);
                    part.head = self.head(source);
                    parts.push(part);
                    let last = parts.len() - 1;
                    &mut parts[last]
                }
            };
            part.bytes.extend_from_slice(self.target.tag.as_bytes());
            part.bytes.extend_from_slice(text.as_bytes());
            part.bytes.push(b'\n');
            part.count(record.archival);
            part.records.push(RecordInfo {
                end: part.bytes.len(),
                kind: None,
                source: source.clone(),
                device: None,
                connection: None,
                archival: record.archival,
                time: None,
                digest: verdict.digest,
                ordinal: verdict.ordinal,
            });
        }
        parts
    }
}
