//! `estreamer migrate`: our configuration from a retired client's.

mod keys;
mod outputs;
mod quote;
mod sources;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::Failure;
use super::identity::print;
use estreamer::shared;

/// Write a configuration from the `estreamer.conf` (JSON) of a retired client and
/// from its bookmarks: on standard output, with comments on what differs. Nothing is
/// changed, and nothing is connected to.
#[derive(Args)]
#[command(after_help = "Example:\n  estreamer migrate estreamer.conf > estreamer.toml")]
pub(super) struct MigrateCommand {
    /// The old configuration.
    file: PathBuf,
    /// Where the files named HOST-PORT_bookmark.dat are; the directory of the old
    /// configuration if not given.
    #[arg(long, value_name = "DIR")]
    bookmarks: Option<PathBuf>,
}

/// Bytes of a configuration, and of a bookmark.
const MOST_BYTES: usize = 1 << 20;

impl MigrateCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let old = read(&self.file)?;
        if !old.is_object() {
            return Err(Failure::usage(
                format!("{} is JSON, but not an object", self.file.display()),
                "Name the estreamer.conf of the old client",
            ));
        }
        let beside = self.file.parent().unwrap_or(Path::new(""));
        let bookmarks = self.bookmarks.as_deref().unwrap_or(beside);
        print(&configuration(&old, &bookmark_in(bookmarks)))
    }
}

/// Reads a file of JSON.
fn read(path: &Path) -> Result<Value, Failure> {
    let bytes = shared::read(path, MOST_BYTES).map_err(|error| {
        Failure::usage(
            format!("cannot read {}: {error}", path.display()),
            "Name the estreamer.conf of the old client",
        )
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::usage(
            format!(
                "{}:{}:{}: this is not JSON: {}",
                path.display(),
                error.line(),
                error.column(),
                what(&error)
            ),
            "Correct the line, or name the estreamer.conf of the old client",
        )
    })
}

/// What is wrong with the JSON, without the place.
fn what(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, _)) => what.to_owned(),
        None => text,
    }
}

/// Finds the bookmark of a host and port in a directory: UNIX seconds.
fn bookmark_in(directory: &Path) -> impl Fn(&str, u64) -> Option<u64> {
    move |host, port| {
        let name = format!("{host}-{port}_bookmark.dat");
        let path = directory.join(Path::new(&name).file_name()?);
        let value: Value = serde_json::from_slice(&shared::read(&path, MOST_BYTES).ok()?).ok()?;
        earliest(&value)
    }
}

/// The earliest time in a bookmark: a number, or an object of numbers.
fn earliest(value: &Value) -> Option<u64> {
    let seconds = match value {
        Value::Number(number) => number.as_f64().map(|seconds| seconds as u64),
        Value::Object(entries) => entries.values().filter_map(earliest).min(),
        _ => None,
    };
    // 0 is a bookmark that was never written.
    seconds.filter(|seconds| (1..u64::from(u32::MAX)).contains(seconds))
}

/// The new configuration, as text.
fn configuration(old: &Value, bookmark: &dyn Fn(&str, u64) -> Option<u64>) -> String {
    let mut text = String::from(
        "# Written by `estreamer migrate`. Check it with `estreamer check FILE`; every key there\n\
         # is, with its default, is in the sample estreamer.toml. Paths are relative to the\n\
         # directory of this file. The service of the package may write to /var/log/estreamer\n\
         # only: name its files there.\n\n\
         # Where bookmarks are kept. The service has a directory; without one there are no\n\
         # bookmarks.\n\
         # state = \"/var/lib/estreamer\"\n",
    );
    if old["enabled"] == Value::Bool(false) {
        text += "\n# The old client was switched off: enabled = false.\n";
    }
    text += &sources::write(old, bookmark);
    text += &outputs::write(&old["handler"]["outputters"]);
    let left = keys::without_equivalent(old);
    if !left.is_empty() {
        text += "\n# What has no equivalent:\n#\n";
        for line in left {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# {line}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_time_of_a_bookmark_counts_whatever_its_form() {
        for (text, expected) in [
            (r#"{"1": 1656014619}"#, Some(1_656_014_619)),
            (
                r#"{"1": 1656014619, "2": 1656014000.5}"#,
                Some(1_656_014_000),
            ),
            ("1656014619", Some(1_656_014_619)),
            (r#"{"1": 0}"#, None),
            ("{}", None),
            ("-1", None),
            (r#""now""#, None),
        ] {
            let value = serde_json::from_str(text).unwrap();
            assert_eq!(earliest(&value), expected, "{text}");
        }
    }
}
