//! What is known of a source beyond its task: a reload replaces the task.

use std::collections::BTreeMap;

/// The past of one source in this run.
#[derive(Default)]
pub(super) struct History {
    /// Whether a server has answered.
    pub(super) has_worked: bool,
    /// The number of connections that were recorded. The next one has another file.
    pub(super) recorded: u32,
}

/// The past of each source, by name.
#[derive(Default)]
pub(super) struct Histories(BTreeMap<String, History>);

impl Histories {
    /// Returns the past of the source with this name.
    pub(super) fn of(&mut self, source: &str) -> &mut History {
        self.0.entry(source.to_owned()).or_default()
    }
}
