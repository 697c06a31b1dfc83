//! Checks the paths of file outputs: every file has one writer, and no output writes to
//! a file that the configuration needs for something else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::diagnostic::Diagnostic;
use super::raw::{RawConfig, RawOutput, RequestSource};
use crate::output::destination::Destination;
use crate::output::file::naming::manifest_path;
use crate::output::pattern::{Pattern, segment};

/// Files that belong to the run but are not named in the configuration.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around<'a> {
    /// The configuration file.
    pub configuration: Option<&'a Path>,
    /// The base name of recordings.
    pub capture: Option<&'a Path>,
}

/// Reports every output that would write to a file of another owner. Relative paths
/// start at `base`; the state directory is resolved already.
pub(super) fn check(
    raw: &RawConfig,
    base: &Path,
    around: &Around<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let reserved = ReservedFiles::new(raw, base, around);
    if let Some(capture) = around.capture {
        for name in capture_names(capture, raw) {
            if let Some(what) = reserved.by_input(&ResolvedPath::of(&name)) {
                let what = format!("recording to {} would overwrite {what}", name.display());
                diagnostics.push(Diagnostic::new(0, what, "Record to another file"));
            }
        }
    }
    if let Some(capture) = around.capture {
        let names = capture_names(capture, raw);
        let others = |name: &PathBuf| {
            let mut all = names.iter();
            all.any(|other| other != name && is_capture(name, other))
        };
        if let Some(name) = names.iter().find(|name| others(name)) {
            let what = format!("two sources would be recorded to {}", name.display());
            let remedy = "Give the sources names of which none is another one with a number or \
                          .sent after it";
            diagnostics.push(Diagnostic::new(0, what, remedy));
        }
    }
    let mut written = WrittenFiles::default();
    for output in &raw.outputs {
        if let Some(path) = errors_path(raw, output, base) {
            let resolved = ResolvedPath::of(&path);
            let problem = match reserved.by(&resolved) {
                Some(what) => Some(format!(
                    "errors of the output {} would be written to {what}, {}",
                    output.name.value,
                    path.display()
                )),
                None => written.add(resolved, &path, output, ""),
            };
            let diagnostic = |what| {
                let remedy = "Choose another file for errors";
                diagnostics.push(Diagnostic::new(output.url.line, what, remedy));
            };
            problem.map(diagnostic);
        }
        let Destination::File(pattern) = &output.url.value else {
            continue;
        };
        let pattern = pattern.clone().under(&base.to_string_lossy());
        let mut told = false;
        for (path, source) in paths(&pattern, output, raw) {
            if output.archive.manifest {
                // Reported below if the file itself is in the way.
                let manifest = manifest_path(&path);
                let what = written.add(ResolvedPath::of(&manifest), &manifest, output, source);
                if let Some(what) = what.filter(|_| !std::mem::replace(&mut told, true)) {
                    let remedy = "Give each output its own path";
                    diagnostics.push(Diagnostic::new(output.url.line, what, remedy));
                }
            }
            let resolved = ResolvedPath::of(&path);
            let problem = match reserved.by(&resolved) {
                Some(what) => Some(format!(
                    "the output {} would write to {what}, {}",
                    output.name.value,
                    path.display()
                )),
                None => written.add(resolved, &path, output, source),
            };
            // Reported once for each output: all have the same cause.
            if let Some(what) = problem.filter(|_| !std::mem::replace(&mut told, true)) {
                let remedy = "Give each output its own path";
                diagnostics.push(Diagnostic::new(output.url.line, what, remedy));
            }
        }
    }
}

/// Returns the file for events that a receiver refuses, if the output may have one: the
/// configured one, or one in the state directory.
pub(super) fn errors_path(raw: &RawConfig, output: &RawOutput, base: &Path) -> Option<PathBuf> {
    if !output.url.value.keys().contains(&"errors") {
        return None;
    }
    if let Some(configured) = &output.receiver.http.errors {
        return Some(base.join(configured));
    }
    let name = format!("refused-{}.ndjson", segment(&output.name.value));
    Some(raw.state.as_ref()?.join(name))
}

/// Returns the base path of each series of files with a manifest. Relative paths start at
/// `base`.
pub fn archives(raw: &RawConfig, base: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for output in raw.outputs.iter().filter(|output| output.archive.manifest) {
        if let Destination::File(pattern) = &output.url.value {
            let pattern = pattern.clone().under(&base.to_string_lossy());
            all.extend(paths(&pattern, output, raw).into_keys());
        }
    }
    all
}

/// Returns every path that an output may write to, with its source.
pub(super) fn paths<'d>(
    pattern: &Pattern,
    output: &RawOutput,
    raw: &'d RawConfig,
) -> BTreeMap<PathBuf, &'d str> {
    let sources = raw.sources.iter().map(|source| &*source.name.value);
    let sources = sources.filter(|source| output.accepts(source));
    pattern.paths(sources, output.events.as_deref())
}

/// A path without links, and the file that it leads to.
struct ResolvedPath {
    path: PathBuf,
    /// Device and inode if the file exists: it may have more names.
    file: Option<(u64, u64)>,
}

impl ResolvedPath {
    fn of(path: &Path) -> Self {
        let path = resolve(path, 40);
        let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_file);
        Self {
            file: metadata.map(|metadata| (metadata.dev(), metadata.ino())),
            path,
        }
    }

    fn is(&self, other: &Self) -> bool {
        self.path == other.path || (self.file.is_some() && self.file == other.file)
    }
}

/// Resolves links, `.` and `..` as far as the path exists.
fn resolve(path: &Path, links: u32) -> PathBuf {
    if let Ok(real) = fs::canonicalize(path) {
        return real;
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let Some(parent) = path.parent() else {
        return path;
    };
    // A link to a file that does not exist yet: writing creates the target.
    if let (Ok(target), 1..) = (fs::read_link(&path), links) {
        return resolve(&parent.join(target), links - 1);
    }
    let parent = resolve(parent, links);
    match path.file_name() {
        Some(name) => parent.join(name),
        None => parent.parent().unwrap_or(&parent).into(),
    }
}

/// Files that no output may write to.
struct ReservedFiles {
    /// The files that are read, each with its purpose.
    inputs: Vec<(ResolvedPath, String)>,
    state: Option<PathBuf>,
    captures: Vec<PathBuf>,
}

impl ReservedFiles {
    fn new(raw: &RawConfig, base: &Path, around: &Around<'_>) -> Self {
        let mut inputs = Vec::new();
        let mut add = |path: PathBuf, what: String| inputs.push((ResolvedPath::of(&path), what));
        if let Some(path) = around.configuration {
            add(path.into(), "the configuration".into());
        }
        for source in &raw.sources {
            let of = |what: &str| format!("{what} of {}", source.name.value);
            for file in source.identity.value.files() {
                add(base.join(file.path), of(file.what));
            }
            if let RequestSource::File(file) = &source.request.value {
                add(base.join(file), of("the request"));
            }
        }
        for output in &raw.outputs {
            for (_, file) in output.receiver.files() {
                let what = format!("{} of the output {}", file.what, output.name.value);
                add(base.join(file.path), what);
            }
        }
        let captures = around.capture.map(|path| capture_names(path, raw));
        Self {
            inputs,
            state: raw.state.as_ref().map(|path| resolve(path, 40)),
            captures: captures
                .into_iter()
                .flatten()
                .map(|path| resolve(&path, 40))
                .collect(),
        }
    }

    /// Returns the purpose that reserves the file, if any.
    fn by(&self, path: &ResolvedPath) -> Option<String> {
        if self.is_of_state(&path.path) {
            return Some("a file of the state directory".into());
        }
        let capture = |base: &PathBuf| is_capture(base, &path.path);
        if self.captures.iter().any(capture) {
            return Some("a file of the recording".into());
        }
        self.by_input(path).map(Into::into)
    }

    fn by_input(&self, path: &ResolvedPath) -> Option<&str> {
        let mut inputs = self.inputs.iter();
        let found = inputs.find(|(input, _)| input.is(path));
        found.map(|(_, what)| &**what)
    }

    fn is_of_state(&self, path: &Path) -> bool {
        let name = path.file_name().map(|name| name.to_string_lossy());
        let name = name.unwrap_or_default();
        let known = STATE
            .iter()
            .any(|of_state| match name.strip_prefix(of_state) {
                Some(rest) => rest.is_empty() || rest.starts_with('.'),
                None => false,
            });
        known && path.parent() == self.state.as_deref()
    }
}

/// The names of the files in the state directory; an extension may follow.
const STATE: [&str; 4] = ["journal", "key", "lock", "request-forms"];

/// Returns the file of a recording for each source.
fn capture_names(capture: &Path, raw: &RawConfig) -> Vec<PathBuf> {
    let with = |source: Option<&str>| {
        let mut name = capture.as_os_str().to_owned();
        if let Some(source) = source {
            name.push(format!(".{}", segment(source)));
        }
        PathBuf::from(name)
    };
    match &*raw.sources {
        [_] => vec![with(None)],
        sources => {
            let sources = sources.iter();
            sources
                .map(|source| with(Some(&source.name.value)))
                .collect()
        }
    }
}

/// Returns whether a path is a file of a recording, for any connection and direction.
fn is_capture(capture: &Path, path: &Path) -> bool {
    let (Some(capture), Some(path)) = (capture.to_str(), path.to_str()) else {
        return capture == path;
    };
    let Some(rest) = path.strip_prefix(capture) else {
        return false;
    };
    let rest = rest.strip_suffix(".sent").unwrap_or(rest);
    let number = rest.strip_prefix('.').map(str::parse::<u32>);
    rest.is_empty() || matches!(number, Some(Ok(_)))
}

/// The files that outputs write to, as far as they are checked.
#[derive(Default)]
struct WrittenFiles<'d> {
    by_path: BTreeMap<PathBuf, FileWriter<'d>>,
    by_file: BTreeMap<(u64, u64), FileWriter<'d>>,
    /// Pairs of outputs that were reported.
    reported: BTreeSet<(&'d str, &'d str)>,
}

#[derive(Clone, Copy)]
struct FileWriter<'d> {
    output: &'d RawOutput,
    source: &'d str,
}

impl<'d> WrittenFiles<'d> {
    /// Adds a file. Returns the problem if another output, or another path of the same
    /// output, leads to it.
    fn add(
        &mut self,
        resolved: ResolvedPath,
        path: &Path,
        output: &'d RawOutput,
        source: &'d str,
    ) -> Option<String> {
        let writer = FileWriter { output, source };
        let of_file = resolved.file.and_then(|file| self.by_file.get(&file));
        let Some(other) = self.by_path.get(&resolved.path).or(of_file).copied() else {
            if let Some(file) = resolved.file {
                self.by_file.insert(file, writer);
            }
            self.by_path.insert(resolved.path, writer);
            return None;
        };
        let (name, others) = (&*output.name.value, &*other.output.name.value);
        if std::ptr::eq(output, other.output) {
            let (a, b) = (other.source, source);
            return Some(match a == b {
                true => format!(
                    "two paths of the output {name} lead to one file, {}",
                    path.display()
                ),
                false => format!(
                    "the output {name} would write the events of {a} and of {b} to one file, {}",
                    path.display()
                ),
            });
        }
        // `RawConfig::check` reports equal destinations on this machine.
        let is_file = matches!(output.url.value, Destination::File(_));
        let same = is_file && output.url.value == other.output.url.value;
        (!same && self.reported.insert((others, name))).then(|| {
            format!(
                "the outputs {others} and {name} would both write to {}",
                path.display()
            )
        })
    }
}
