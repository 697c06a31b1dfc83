//! What the operator does to configuration and state.

use std::io;
use std::path::{Path, PathBuf};

use estreamer_core::wire::InitialTimestamp;

use super::{STATE, World};
use crate::files;
use crate::oracle;
use crate::outputs::{self, OUTPUTS};
use crate::sources::{SOURCES, Source};

impl World {
    /// Sets the configuration of the next start. Returns the outputs that are gone.
    pub(super) fn configure(&mut self, outputs: &[usize], sources: usize) -> Vec<usize> {
        let before = std::mem::replace(&mut self.outputs, outputs.to_vec());
        for output in outputs.iter().filter(|output| !before.contains(output)) {
            self.oracle.added(*output, &self.sources);
        }
        for (number, source) in self.sources.iter_mut().enumerate() {
            source.is_configured = sources >> number & 1 == 1;
        }
        self.oracle.forget_cuts(|path| {
            outputs::of_path(path).is_none_or(|output| !outputs.contains(&output))
        });
        let mut removed = before;
        removed.retain(|output| !outputs.contains(output));
        removed
    }

    /// What an output has not got of some sources is no longer promised.
    pub(super) fn revoke(&mut self, output: usize, of: impl Fn(&Source) -> bool) {
        let got = oracle::got(output, &self.disk, &self.receiver);
        for number in 0..SOURCES.len() {
            if of(&self.sources[number]) {
                self.oracle.revoke(output, number, &self.sources, &got);
            }
        }
    }

    /// Returns the files of the state directory.
    pub(super) fn state(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let paths = self.disk.paths(Path::new(STATE)).into_iter();
        paths
            .map(|path| (path.clone(), self.disk.content(&path)))
            .collect()
    }

    pub(super) fn restore(&mut self) -> io::Result<()> {
        let Some(backup) = self.backup.clone() else {
            return Ok(());
        };
        self.end_in_order()?;
        self.touched.restored(&self.disk);
        self.remove_state();
        for (path, content) in backup {
            self.disk.written_by_another(&path, &content);
        }
        self.start();
        // What the old journal cannot explain is moved aside. Only outputs that are still
        // there get it again.
        for output in 0..OUTPUTS.len() {
            if !self.outputs.contains(&output) {
                self.revoke(output, |_| true);
            }
        }
        Ok(())
    }

    pub(super) fn delete_state(&mut self) -> io::Result<()> {
        self.end_in_order()?;
        self.remove_state();
        self.start();
        Ok(())
    }

    /// An operator takes longer than the system, which writes what a killed process had written.
    pub(super) fn remove_state(&mut self) {
        self.disk.write_back();
        // Nothing explains the ends of files any more.
        for path in files::touchable(&self.disk) {
            self.damage.cut(&self.disk.content(&path));
        }
        self.is_state_damaged = false;
        for path in self.disk.paths(Path::new(STATE)) {
            self.disk.removed_by_another(&path);
        }
        self.forget();
    }

    /// The collector does not know what it delivered: a source that does not ask for the
    /// oldest events may miss some, and events come again.
    pub(super) fn forget(&mut self) {
        self.oracle.forgotten(&self.disk, &self.receiver);
        self.oracle.forget_cuts(|_| true);
        for output in 0..OUTPUTS.len() {
            self.revoke(output, |source| source.ask != InitialTimestamp::OLDEST);
        }
    }
}
