//! What `estreamer verify` says of an archive, also of one that was tampered with.

use std::fs;
use std::path::{Path, PathBuf};

use estreamer_tests::archive::closed;
use estreamer_tests::{Ended, estreamer};

/// An archive with its state directory.
pub(crate) struct Proof {
    pub(crate) archive: PathBuf,
    pub(crate) state: PathBuf,
}

impl Proof {
    /// Lets the program prove it; returns the number of closed files, or what is wrong.
    pub(crate) fn verify(&self) -> Result<u64, String> {
        let ended = self.verified();
        let said = String::from_utf8_lossy(&ended.stdout);
        match ended.status.success() {
            true => Ok(closed_files(&said)),
            false => Err(format!("{said}{}", ended.stderr)),
        }
    }

    fn verified(&self) -> Ended {
        let mut command = estreamer(&["verify"]);
        command.arg(&self.archive).arg("--state").arg(&self.state);
        Ended::of(&mut command)
    }

    /// Changes a byte, removes a file, and swaps two of those of this open file: the
    /// program must name each. Returns what it said, or what it should have said.
    pub(crate) fn tamper(&self, open: &Path) -> Result<Vec<String>, String> {
        let files = closed(open);
        let [first, second, ..] = &files[..] else {
            return Err("there are no two closed files".into());
        };
        let read = |path: &Path| fs::read(path).expect("a closed file");
        let write = |path: &Path, bytes: &[u8]| fs::write(path, bytes).expect("it is ours");
        let (bytes, others) = (read(first), read(second));
        let mut changed = bytes.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        let mut said = Vec::new();
        write(first, &changed);
        said.push(self.must_name("a changed byte", &[first])?);
        fs::remove_file(first).expect("it is ours");
        said.push(self.must_name("a removed file", &[first])?);
        write(first, &others);
        write(second, &bytes);
        said.push(self.must_name("a swapped pair", &[first, second])?);
        write(first, &bytes);
        write(second, &others);
        self.verify()?;
        Ok(said)
    }

    /// Fails if the program does not name these files as wrong.
    fn must_name(&self, what: &str, files: &[&Path]) -> Result<String, String> {
        let ended = self.verified();
        let said = String::from_utf8_lossy(&ended.stdout).into_owned() + &ended.stderr;
        let differs = said.lines().filter(|line| line.starts_with("DIFFERS"));
        let differs = differs.collect::<Vec<_>>().join("; ");
        let mut names = files.iter().filter_map(|file| file.file_name());
        let is_named = names.all(|name| differs.contains(&*name.to_string_lossy()));
        match !ended.status.success() && is_named {
            true => Ok(format!("{what}: {differs}")),
            false => Err(format!("{what} is not named: {said}")),
        }
    }
}

/// The count in `proven   12 closed files with …`.
fn closed_files(said: &str) -> u64 {
    let proven = said.lines().rev();
    let proven = proven
        .filter_map(|line| line.strip_prefix("proven "))
        .next();
    let count = proven.and_then(|line| line.split_whitespace().next());
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}
