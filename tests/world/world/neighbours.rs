//! What other programs and time do to the files of outputs.

use std::io::Write;
use std::path::{Path, PathBuf};

use estreamer::fuzzing::disk::ModelDisk;

use super::World;
use crate::files::{self, ELSEWHERE, Lines};
use crate::outputs;

impl World {
    /// Returns a file that another program is about to touch.
    pub(super) fn file(&mut self, file: usize) -> Option<PathBuf> {
        let paths = files::touchable(&self.disk);
        let path = paths.get(file % paths.len().max(1))?;
        self.touched.touch(&self.disk, path);
        Some(path.clone())
    }

    pub(super) fn rename(&mut self, file: usize, away: bool) {
        if let Some(path) = self.file(file) {
            self.renamed += 1;
            let directory = if away { ELSEWHERE } else { "/out" };
            let to = format!("{directory}/renamed-{}", self.renamed);
            self.say(format!("{} becomes {to}", path.display()));
            self.disk.renamed_by_another(&path, Path::new(&to));
            self.oracle.forget_cuts(|of| *of == *path);
        }
    }

    /// Returns a line that nobody else writes.
    pub(super) fn foreign(&mut self) -> String {
        self.written += 1;
        format!("<foreign {}>", self.written)
    }

    pub(super) fn append(&mut self, file: usize) {
        if let Some(path) = self.file(file) {
            let line = self.foreign();
            if self
                .disk
                .appended_by_another(&path, format!("{line}\n").as_bytes())
            {
                self.say(format!("{line} is appended to {}", path.display()));
                self.oracle.wrote(&line, 1);
                let length = self.disk.content(&path).len();
                self.oracle.appended(&path, length);
            }
        }
    }

    pub(super) fn replace(&mut self, file: usize) {
        if let Some(path) = self.file(file) {
            self.renamed += 1;
            let away = format!("{ELSEWHERE}/renamed-{}", self.renamed);
            self.disk.renamed_by_another(&path, Path::new(&away));
            self.oracle.forget_cuts(|of| *of == *path);
            let line = self.foreign();
            let content = format!("{line}\n").repeat(20);
            self.disk.written_by_another(&path, content.as_bytes());
            self.say(format!(
                "{} becomes {away}; {line} is in its place",
                path.display()
            ));
            self.oracle.wrote(&line, 20);
        }
    }

    /// Runs a change to a file by something else, and notes what it took away.
    /// Returns its lines before and after.
    pub(super) fn changes(
        &mut self,
        path: &Path,
        after: &Path,
        change: impl FnOnce(&ModelDisk),
    ) -> (Lines, Lines) {
        let before = files::lines_of(&self.disk, path);
        change(&self.disk);
        let after = files::lines_of(&self.disk, after);
        self.oracle.changed(&before, &after);
        (before, after)
    }

    pub(super) fn truncate(&mut self, file: usize, bytes: usize) {
        if let Some(path) = self.file(file) {
            let was = self.disk.content(&path).len();
            let length = was.saturating_sub(bytes);
            self.say(format!("{} is cut to {length} bytes", path.display()));
            let (before, after) = self.changes(&path, &path, |disk| {
                disk.truncated_by_another(&path, length)
            });
            self.damage.cut(&self.disk.content(&path));
            // The collector does not look at a file that is no output any more, or closed.
            let name = path.to_string_lossy();
            let is_closed = ["/closed-", "/event-"].iter().any(|of| name.contains(of));
            let output = outputs::of_path(&path);
            if !is_closed && output.is_some_and(|output| self.outputs.contains(&output)) {
                self.oracle.cut(&path, was, &before, &after);
            }
        }
    }

    pub(super) fn compress(&mut self, file: usize) {
        if let Some(path) = self.file(file) {
            let content = self.disk.content(&path);
            if content.starts_with(&[0x1f, 0x8b]) {
                return;
            }
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(&content).expect("memory");
            let compressed = encoder.finish().expect("memory");
            self.renamed += 1;
            let to = PathBuf::from(format!("{ELSEWHERE}/renamed-{}.gz", self.renamed));
            self.say(format!("{} becomes {}", path.display(), to.display()));
            self.changes(&path, &to, |disk| {
                disk.written_by_another(&to, &compressed);
                disk.removed_by_another(&path);
            });
            self.oracle.forget_cuts(|of| *of == *path);
        }
    }

    pub(super) fn rot(&mut self, file: usize, at: usize) {
        if let Some(path) = self.file(file) {
            let length = self.disk.content(&path).len();
            if length > 0 {
                self.say(format!(
                    "byte {} of {} changes",
                    at % length,
                    path.display()
                ));
                self.changes(&path, &path, |disk| disk.flip(&path, at % length));
                self.damage.rotten += 1;
            }
        }
    }
}
