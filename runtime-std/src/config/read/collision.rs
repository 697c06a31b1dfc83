//! Outputs as they will be used: every file that is written has one writer, and
//! is none that something else of the configuration needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::draft::{Asked, Draft, OutputDraft};
use super::mistake::Mistake;
use crate::config::read::identity::IdentityFiles;
use crate::config::read::secret::Secret;
use crate::output::destination::Destination;
use crate::output::pattern::{Pattern, segment};

/// Files that a configuration does not name itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around<'a> {
    /// The file it stands in.
    pub configuration: Option<&'a Path>,
    /// Where connections are recorded.
    pub capture: Option<&'a Path>,
}

/// Notes every output that would write to what is not its own. Relative paths
/// are taken from `base`; the state directory is resolved already.
pub(super) fn check(draft: &Draft, base: &Path, around: &Around<'_>, mistakes: &mut Vec<Mistake>) {
    let taken = Taken::new(draft, base, around);
    if let Some(capture) = around.capture {
        for name in capture_names(capture, draft) {
            if let Some(what) = taken.by_input(&Place::of(&name)) {
                let what = format!("recording into {} would overwrite {what}", name.display());
                mistakes.push(Mistake::new(0, what, "Record into a file of its own"));
            }
        }
    }
    let mut written = Written::default();
    for output in &draft.outputs {
        let Destination::File(pattern) = &output.url.value else {
            continue;
        };
        let pattern = pattern.clone().under(&base.to_string_lossy());
        let mut told = false;
        for (path, source) in paths(&pattern, output, draft) {
            let place = Place::of(&path);
            let problem = match taken.by(&place) {
                Some(what) => Some(format!(
                    "the output {} would write to {what}, {}",
                    output.name.value,
                    path.display()
                )),
                None => written.add(place, &path, output, source),
            };
            // Once for each output: the others have the same reason.
            if let Some(what) = problem.filter(|_| !std::mem::replace(&mut told, true)) {
                let remedy = "Give each output a path of its own";
                mistakes.push(Mistake::new(output.url.line, what, remedy));
            }
        }
    }
}

/// Every path an output may write to, with the source it is for.
fn paths<'d>(
    pattern: &Pattern,
    output: &OutputDraft,
    draft: &'d Draft,
) -> BTreeMap<PathBuf, &'d str> {
    let sources = draft.sources.iter().map(|source| &*source.name.value);
    let sources = sources.filter(|source| output.takes(source));
    pattern.paths(sources, output.events.as_deref())
}

/// Which file a path leads to.
struct Place {
    path: PathBuf,
    /// Device and number, where it exists: it may have further names.
    file: Option<(u64, u64)>,
}

impl Place {
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

/// The path without links, `.` and `..`, as far as it exists.
fn resolve(path: &Path, links: u32) -> PathBuf {
    if let Ok(real) = fs::canonicalize(path) {
        return real;
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let Some(parent) = path.parent() else {
        return path;
    };
    // A link to a file that does not exist yet: writing makes that one.
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
struct Taken {
    /// Those that are read, each with what it is.
    inputs: Vec<(Place, String)>,
    state: Option<PathBuf>,
    captures: Vec<PathBuf>,
}

impl Taken {
    fn new(draft: &Draft, base: &Path, around: &Around<'_>) -> Self {
        let mut inputs = Vec::new();
        let mut add = |path: PathBuf, what: String| inputs.push((Place::of(&path), what));
        if let Some(path) = around.configuration {
            add(path.into(), "the configuration".into());
        }
        for source in &draft.sources {
            let of = |what: &str| format!("{what} of {}", source.name.value);
            match &source.identity.value {
                IdentityFiles::Pkcs12 { file, password, ca } => {
                    add(base.join(file), of("the identity"));
                    if let Some(ca) = ca {
                        add(base.join(ca), of("the CA"));
                    }
                    if let Some(Secret::File(file)) = password {
                        add(base.join(file), of("the password"));
                    }
                }
                IdentityFiles::Pem { cert, key, ca } => {
                    add(base.join(cert), of("the certificate"));
                    add(base.join(key), of("the key"));
                    add(base.join(ca), of("the CA"));
                }
            }
            if let Asked::Request(file) = &source.ask.value {
                add(base.join(file), of("the request"));
            }
        }
        let captures = around.capture.map(|path| capture_names(path, draft));
        Self {
            inputs,
            state: draft.state.as_ref().map(|path| resolve(path, 40)),
            captures: captures
                .into_iter()
                .flatten()
                .map(|path| resolve(&path, 40))
                .collect(),
        }
    }

    /// What a file is needed for, if it is.
    fn by(&self, place: &Place) -> Option<String> {
        if self.is_of_state(&place.path) {
            return Some("a file of the state directory".into());
        }
        let capture = |base: &PathBuf| is_capture(base, &place.path);
        if self.captures.iter().any(capture) {
            return Some("a file that connections are recorded in".into());
        }
        self.by_input(place).map(Into::into)
    }

    fn by_input(&self, place: &Place) -> Option<&str> {
        let mut inputs = self.inputs.iter();
        let found = inputs.find(|(input, _)| input.is(place));
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

/// The files of the state directory, which may have an extension.
const STATE: [&str; 4] = ["journal", "key", "lock", "request-forms"];

/// The first files of a recording, of one direction each.
fn capture_names(capture: &Path, draft: &Draft) -> Vec<PathBuf> {
    let with = |source: Option<&str>| {
        let mut name = capture.as_os_str().to_owned();
        if let Some(source) = source {
            name.push(format!(".{}", segment(source)));
        }
        PathBuf::from(name)
    };
    match &*draft.sources {
        [_] => vec![with(None)],
        sources => {
            let sources = sources.iter();
            sources
                .map(|source| with(Some(&source.name.value)))
                .collect()
        }
    }
}

/// Whether a path is that of a recording, of any of its connections in either
/// direction.
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

/// The files that outputs write to so far.
#[derive(Default)]
struct Written<'d> {
    by_path: BTreeMap<PathBuf, Writer<'d>>,
    by_file: BTreeMap<(u64, u64), Writer<'d>>,
    /// Pairs of outputs that were reported.
    told: BTreeSet<(&'d str, &'d str)>,
}

#[derive(Clone, Copy)]
struct Writer<'d> {
    output: &'d OutputDraft,
    source: &'d str,
}

impl<'d> Written<'d> {
    /// Adds a file; returns what is wrong where another output, or another path
    /// of this one, leads to it.
    fn add(
        &mut self,
        place: Place,
        path: &Path,
        output: &'d OutputDraft,
        source: &'d str,
    ) -> Option<String> {
        let writer = Writer { output, source };
        let of_file = place.file.and_then(|file| self.by_file.get(&file));
        let Some(other) = self.by_path.get(&place.path).or(of_file).copied() else {
            if let Some(file) = place.file {
                self.by_file.insert(file, writer);
            }
            self.by_path.insert(place.path, writer);
            return None;
        };
        let (name, others) = (&*output.name.value, &*other.output.name.value);
        if std::ptr::eq(output, other.output) {
            let (a, b) = (other.source, source);
            return Some(match a == b {
                true => format!(
                    "two paths of the output {name} are one file, {}",
                    path.display()
                ),
                false => format!(
                    "the output {name} would write the events of {a} and of {b} to one file, {}",
                    path.display()
                ),
            });
        }
        // The same path twice is reported elsewhere.
        let same = output.url.value == other.output.url.value;
        (!same && self.told.insert((others, name))).then(|| {
            format!(
                "the outputs {others} and {name} would both write to {}",
                path.display()
            )
        })
    }
}
