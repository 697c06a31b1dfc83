//! The files that outputs write to, and what their file systems lack.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::config::OutputConfig;
use crate::delivery::bookmark::state_dir::StateDir;
use crate::disk::{directory, has_durable_names};
use crate::output::destination::Destination;
use crate::output::file::notice::FileNotice;
use crate::output::file::settings::FileSettings;
use crate::output::pattern::Pattern;

/// Returns notices about file systems without locks or durable names.
pub(super) fn lacking(
    state: &StateDir,
    outputs: &[&OutputConfig],
    sources: &[String],
) -> Vec<FileNotice> {
    let mut directories = BTreeSet::from([state.path().to_path_buf()]);
    for output in outputs {
        if let Destination::File(pattern) = &output.destination {
            let paths = paths(pattern, output, sources);
            directories.extend(paths.iter().map(|path| directory(path).to_path_buf()));
        }
    }
    let locks = (!state.is_locked()).then(|| FileNotice::NotLocked(state.path().into()));
    let names = directories
        .into_iter()
        .filter(|directory| directory.is_dir() && !has_durable_names(directory))
        .map(FileNotice::NamesNotDurable);
    locks.into_iter().chain(names).collect()
}

/// Returns the paths that an output may write to.
fn paths(pattern: &Pattern, output: &OutputConfig, sources: &[String]) -> Vec<PathBuf> {
    let sources = taken(output, sources);
    let paths = pattern.paths(sources, output.events.as_deref());
    paths.into_keys().collect()
}

/// Returns the sources that an output takes.
pub(super) fn taken<'s>(
    output: &'s OutputConfig,
    sources: &'s [String],
) -> impl Iterator<Item = &'s str> {
    let takes = |source: &&String| {
        let named = output.sources.as_ref();
        named.is_none_or(|named| named.contains(source))
    };
    sources.iter().filter(takes).map(String::as_str)
}

/// Returns the settings of the files of an output.
pub(super) fn file_settings(output: &OutputConfig, sources: &[String]) -> FileSettings {
    let Destination::File(pattern) = &output.destination else {
        return FileSettings::default();
    };
    let period = pattern.period();
    FileSettings {
        paths: match period {
            None => paths(pattern, output, sources),
            Some(_) => Vec::new(),
        },
        dated: pattern.dated_paths(taken(output, sources), output.events.as_deref()),
        period,
        is_lazy: pattern.by_event(),
        mode: output.mode,
        group: output.group,
        archive: output.archive,
        tend_in_thread: true,
    }
}
