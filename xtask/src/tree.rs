//! Where things are in the source tree.

use std::path::{Path, PathBuf};

use crate::Result;

/// The top folder of the project.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the top folder")
}

/// Every source file of the project in a stable order: no build results, no
/// fuzzing corpora, nothing hidden except the CI scripts.
pub(crate) fn files() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .map_err(|error| format!("reading {}: {error}", folder.display()))?;
        for entry in entries {
            let path = entry
                .map_err(|error| format!("reading {}: {error}", folder.display()))?
                .path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') && name != ".ci" {
                continue;
            }
            if !path.is_dir() {
                files.push(path);
            } else if !["target", "corpus", "artifacts"].contains(&&*name) {
                folders.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The manifests of packages that keep out of the workspace (firmware,
/// fuzzing, C faces): each is the root of a workspace of its own.
pub(crate) fn outside_manifests() -> Result<Vec<PathBuf>> {
    let mut manifests = Vec::new();
    for path in files()? {
        if path.ends_with("Cargo.toml") && path != root().join("Cargo.toml") {
            let is_root = read(&path)?
                .lines()
                .any(|line| line.trim() == "[workspace]");
            if is_root {
                manifests.push(path);
            }
        }
    }
    Ok(manifests)
}

/// A path as a person in the top folder would write it.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

pub(crate) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| format!("reading {}: {error}", shown(path)))
}
