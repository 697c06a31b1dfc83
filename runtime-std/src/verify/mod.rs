//! Proves the files of an archive, and changes nothing.
//!
//! - `archive`: closed files against their manifest, and the manifest against itself.
//! - `state`: open files against the bookmark.
//! - [`report`]: what was found.

mod archive;
pub mod report;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{Disk, RealDisk, directory};
use crate::output::file::naming::{MANIFEST, is_closed_name};
use archive::Scope;
use report::{Difference, Report, VerifyError};

/// How deep directories are searched for manifests, and how far up from a file.
const DEPTH: usize = 8;

/// Proves archives; `progress` gets the name of a file and the bytes read so far.
pub struct Verifier<'p> {
    disk: &'p dyn Disk,
    progress: &'p mut dyn FnMut(&Path, u64),
}

impl<'p> Verifier<'p> {
    /// Returns a verifier of files of the operating system.
    pub fn new(progress: &'p mut dyn FnMut(&Path, u64)) -> Self {
        Self {
            disk: &RealDisk,
            progress,
        }
    }

    /// Returns a verifier of files of a model.
    #[cfg(feature = "fuzzing")]
    #[doc(hidden)]
    pub fn of(
        disk: &'p crate::fuzzing::disk::ModelDisk,
        progress: &'p mut dyn FnMut(&Path, u64),
    ) -> Self {
        Self { disk, progress }
    }

    /// Proves a file, or every archive in a directory.
    ///
    /// # Errors
    /// [`VerifyError`] if something cannot be read.
    pub fn path(&mut self, path: &Path) -> Result<Report, VerifyError> {
        let failed = |error| VerifyError::new(path, error);
        let mut report = Report::default();
        match self.disk.identity(path).map_err(failed)? {
            None => return Err(failed(io::ErrorKind::NotFound.into())),
            Some(found) if found.is_file => {
                // The manifest may be in a directory above.
                let path = std::path::absolute(path).map_err(failed)?;
                self.file(&path, &mut report)?;
            }
            Some(_) => self.directory(path, &mut report)?,
        }
        Ok(report)
    }

    /// Proves the closed files of the series with these base paths.
    ///
    /// # Errors
    /// [`VerifyError`] if something cannot be read.
    pub fn series(&mut self, bases: &[PathBuf]) -> Result<Report, VerifyError> {
        let mut report = Report::default();
        for base in bases {
            let manifest = crate::output::file::naming::manifest_path(base);
            let failed = |error| VerifyError::new(&manifest, error);
            match self.disk.identity(&manifest).map_err(failed)? {
                Some(_) => self.manifest(&manifest, &Scope::All, &mut report)?,
                None => {
                    // Without the manifest, nothing proves what was closed.
                    let folder = directory(&manifest);
                    let open = folder.join(base.file_name().unwrap_or_default());
                    let beside = self.disk.list(folder).unwrap_or_default();
                    let closed = beside
                        .into_iter()
                        .filter(|path| is_closed_name(&open, path));
                    report.differences.extend(closed.map(Difference::Foreign));
                    report.without_manifest.push(base.clone());
                }
            }
        }
        Ok(report)
    }

    /// Proves the open files of a state directory against its bookmark; with `within`,
    /// only those in one of these directories.
    ///
    /// # Errors
    /// [`VerifyError`] if the state directory cannot be read.
    pub fn state(
        &mut self,
        directory: &Path,
        within: Option<&[PathBuf]>,
    ) -> Result<Report, VerifyError> {
        state::check(self.disk, directory, within)
    }

    fn file(&mut self, path: &Path, report: &mut Report) -> Result<(), VerifyError> {
        if is_manifest(path) {
            return self.manifest(path, &Scope::All, report);
        }
        let mut above = directory(path);
        for _ in 0..DEPTH {
            let found = self.disk.list(above);
            for manifest in found.map_err(|error| VerifyError::new(above, error))? {
                if is_manifest(&manifest) && archive::names(self.disk, &manifest, path)? {
                    return self.manifest(&manifest, &Scope::File(path.into()), report);
                }
            }
            above = match above.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => break,
            };
        }
        report.differences.push(Difference::NotNamed(path.into()));
        Ok(())
    }

    fn directory(&mut self, path: &Path, report: &mut Report) -> Result<(), VerifyError> {
        let failed = |error| VerifyError::new(path, error);
        let mut search = Search::default();
        let root = self.disk.identity(path).map_err(failed)?;
        let root = root.map(|root| (root.device, root.inode));
        search.directories.extend(root);
        let found = self.disk.list(path).map_err(failed)?;
        self.walk(found, DEPTH, &mut search)?;
        let Search {
            directories,
            files,
            too_deep,
            not_searched,
        } = search;
        // Another way may have led there.
        let too_deep = too_deep
            .into_iter()
            .filter(|(_, id)| !directories.contains(id));
        let why = format!("it is more than {DEPTH} directories deep");
        let too_deep = too_deep.map(|(path, _)| (path, why.clone()));
        let not_searched = not_searched.into_iter().chain(too_deep);
        let not_searched = not_searched.map(|(path, why)| Difference::NotSearched(path, why));
        report.differences.extend(not_searched);
        let manifests: Vec<&PathBuf> = files.iter().filter(|path| is_manifest(path)).collect();
        if manifests.is_empty() {
            report.without_manifest.push(path.into());
        }
        for manifest in &manifests {
            self.manifest(manifest, &Scope::All, report)?;
        }
        let is_other = |path: &&PathBuf| !is_manifest(path) && !report.seen.contains(*path);
        report.others.extend(files.iter().filter(is_other).cloned());
        Ok(())
    }

    /// Finds the files among the entries of a directory and below. A directory to which
    /// several links lead is searched once. One that cannot be searched may hold an archive.
    fn walk(
        &self,
        entries: Vec<PathBuf>,
        depth: usize,
        search: &mut Search,
    ) -> Result<(), VerifyError> {
        for found in entries {
            let identity = self.disk.identity(&found);
            let identity = identity.map_err(|error| VerifyError::new(&found, error))?;
            let Some(identity) = identity else {
                continue;
            };
            let id = (identity.device, identity.inode);
            if identity.is_file {
                search.files.insert(found);
            } else if depth == 0 {
                if self.disk.list(&found).is_ok() {
                    search.too_deep.push((found, id));
                }
            } else if search.directories.insert(id) {
                match self.disk.list(&found) {
                    Ok(below) => self.walk(below, depth - 1, search)?,
                    Err(error) if has_no_archive(&found, &error) => {}
                    Err(error) => search.not_searched.push((found, error.to_string())),
                }
            }
        }
        Ok(())
    }

    /// Proves a manifest and its files. What differs is looked at again, because a
    /// collector may be closing files. A file that stays the same is read once.
    fn manifest(
        &mut self,
        path: &Path,
        scope: &Scope,
        report: &mut Report,
    ) -> Result<(), VerifyError> {
        const TRIES: u32 = 3;
        let mut read = BTreeMap::new();
        for last in 1..=TRIES {
            let found = archive::check(self.disk, path, scope, &mut read, self.progress)?;
            if found.differences.is_empty() || last == TRIES {
                report.add(found);
                break;
            }
            let before = archive::length(self.disk, path)?;
            std::thread::sleep(std::time::Duration::from_millis(20));
            if archive::length(self.disk, path)? == before && last > 1 {
                report.add(found);
                break;
            }
        }
        Ok(())
    }
}

/// What a search has found.
#[derive(Default)]
struct Search {
    files: BTreeSet<PathBuf>,
    /// Device and inode of each directory that was searched.
    directories: BTreeSet<(u64, u64)>,
    /// Directories below the deepest that are searched, with device and inode.
    too_deep: Vec<(PathBuf, (u64, u64))>,
    /// Directories that cannot be read, and why.
    not_searched: Vec<(PathBuf, String)>,
}

/// Returns whether nothing is missed where this error came: it is a pipe, say, or has gone
/// meanwhile, or is the directory that repairs of a file system use.
fn has_no_archive(path: &Path, error: &io::Error) -> bool {
    path.ends_with("lost+found")
        || matches!(
            error.kind(),
            io::ErrorKind::NotADirectory | io::ErrorKind::NotFound
        )
}

fn is_manifest(path: &Path) -> bool {
    path.to_string_lossy().ends_with(MANIFEST)
}

/// Returns the directories, without symbolic links, whose open files belong to these paths.
pub fn within(paths: &[PathBuf]) -> Vec<PathBuf> {
    let place = |path: &PathBuf| {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        match path.is_dir() {
            true => path,
            false => directory(&path).into(),
        }
    };
    paths.iter().map(place).collect()
}
