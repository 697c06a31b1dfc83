//! The changes, as cargo-mutants lists them.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::{Result, read};

/// One change of the code.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Change {
    /// In words, with file and line.
    pub(crate) name: String,
    /// From the top folder.
    pub(crate) file: String,
    /// What is replaced.
    pub(crate) span: Span,
    pub(crate) replacement: String,
    pub(crate) genre: String,
}

/// Lines and columns from 1 on.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: Place,
    pub(crate) end: Place,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// All changes of these files of a package.
pub(crate) fn changes(root: &Path, package: &str, files: &str) -> Result<Vec<Change>> {
    let mut command = Command::new("cargo");
    command
        .current_dir(root)
        .args(["mutants", "--list", "--json"]);
    command.args(["--package", package, "--file", files]);
    let listed = read(&mut command)?;
    serde_json::from_str(&listed).map_err(|error| format!("what cargo-mutants lists: {error}"))
}
