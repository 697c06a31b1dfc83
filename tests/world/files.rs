//! The files of a world, as a reader sees them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use estreamer::fuzzing::aside::{decompressed, is_aside};
use estreamer::fuzzing::disk::ModelDisk;

use crate::outputs::{OUT, OUTPUTS};

/// How often each line is somewhere.
pub(crate) type Lines = BTreeMap<String, usize>;

/// What lines begin with.
const STARTS: [&str; 6] = [
    "<foreign", "one {", "two {", "kind {", "closed {", "event {",
];
/// Where files are moved away to.
pub(crate) const ELSEWHERE: &str = "/elsewhere";

/// Returns a path with this at its end.
pub(crate) fn with_end(path: &Path, end: &str) -> PathBuf {
    PathBuf::from(format!("{}{end}", path.display()))
}

/// Returns the files that other programs may touch.
pub(crate) fn touchable(disk: &ModelDisk) -> Vec<PathBuf> {
    let mut paths = disk.paths(Path::new(OUT));
    paths.retain(|path| !is_aside(path));
    paths
}

/// Returns the files with bytes of no output: moved aside, or a manifest or a part of a file.
pub(crate) fn aside(disk: &ModelDisk) -> Vec<PathBuf> {
    let mut paths = disk.paths(Path::new(OUT));
    paths.retain(|path| is_aside(path));
    paths
}

/// Returns the files with bytes that may not be ours, which a start moved to them.
pub(crate) fn unproven(disk: &ModelDisk) -> Vec<PathBuf> {
    let mut paths = disk.paths(Path::new(OUT));
    paths.retain(|path| path.to_string_lossy().contains(".unproven-"));
    paths
}

/// Returns whether all lines of a file are in other files as well; its last one may be half a
/// line.
pub(crate) fn is_copy(disk: &ModelDisk, copy: &Path) -> bool {
    let others = all_lines(disk, |path| path != copy);
    let copied = lines_of(disk, copy);
    let is_there = |line: &String| others.keys().any(|other| other.starts_with(line));
    copied.keys().all(is_there)
}

/// Returns the lines of our events that the files of an output have, whatever their names are now.
pub(crate) fn of_output(output: usize, disk: &ModelDisk) -> Lines {
    let mut lines = all_lines(disk, |path| !is_aside(path));
    lines.retain(|line, _| line.starts_with(OUTPUTS[output].tag));
    lines
}

/// The same, as a power loss would leave it.
pub(crate) fn durable_of_output(output: usize, disk: &ModelDisk) -> Lines {
    let mut lines = Lines::new();
    for directory in [OUT, ELSEWHERE] {
        for content in disk.durable_contents(Path::new(directory)) {
            for (line, count) in lines_in(&decompressed(&content)) {
                *lines.entry(line).or_default() += count;
            }
        }
    }
    lines.retain(|line, _| line.starts_with(OUTPUTS[output].tag));
    lines
}

/// Returns the lines of all files that `wanted` takes.
pub(crate) fn all_lines(disk: &ModelDisk, wanted: impl Fn(&Path) -> bool) -> Lines {
    let mut lines = Lines::new();
    for directory in [OUT, ELSEWHERE] {
        for path in disk.paths(Path::new(directory)) {
            if wanted(&path) {
                for (line, count) in lines_of(disk, &path) {
                    *lines.entry(line).or_default() += count;
                }
            }
        }
    }
    lines
}

/// Returns the lines that were cut apart when the end of a file was moved aside. A file that
/// another program cut, and filled with a line that begins as the old one, loses the rest of that
/// line. It may have been renamed or compressed since.
pub(crate) fn rejoined(disk: &ModelDisk) -> Lines {
    let mut lines = Lines::new();
    for aside in unproven(disk) {
        let name = aside.to_string_lossy();
        let at = name.split_once(".unproven-").map(|(_, at)| at);
        let at = at.and_then(|at| at.split('-').next()?.parse().ok());
        let end = disk.content(&aside);
        for path in [OUT, ELSEWHERE]
            .map(|it| disk.paths(Path::new(it)))
            .concat()
        {
            let content = decompressed(&disk.content(&path));
            if let Some(begin) = content.get(..at.unwrap_or(usize::MAX)) {
                let begin = begin.rsplit(|byte| *byte == b'\n').next();
                let end = end.split(|byte| *byte == b'\n').next();
                lines.extend(lines_in(
                    &[begin, end].map(Option::unwrap_or_default).concat(),
                ));
            }
        }
    }
    lines
}

/// Returns the events and the foreign lines of a file, decompressed if it is. A line may follow
/// half a line of somebody else.
pub(crate) fn lines_of(disk: &ModelDisk, path: &Path) -> Lines {
    lines_in(&decompressed(&disk.content(path)))
}

fn lines_in(content: &[u8]) -> Lines {
    let mut lines = Lines::new();
    for line in String::from_utf8_lossy(content).lines() {
        let starts = STARTS.iter().flat_map(|start| line.match_indices(start));
        let mut starts: Vec<usize> = starts.map(|(at, _)| at).collect();
        starts.sort_unstable();
        for (number, start) in starts.iter().enumerate() {
            let end = starts.get(number + 1).copied().unwrap_or(line.len());
            let line = line[*start..end].trim_matches('\0');
            *lines.entry(line.to_owned()).or_default() += 1;
        }
    }
    lines
}
