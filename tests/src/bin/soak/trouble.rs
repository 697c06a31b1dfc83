//! What goes wrong around a collector: receivers that pause or go away, and full disks.

use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::receivers::Switch;
use estreamer_tests::random::Random;

/// A file system of its own in memory.
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// Mounts one of so many MiB over a directory, which is made; `None` if this user must
    /// not.
    pub(crate) fn mount(path: &Path, size: u64) -> Option<Self> {
        fs::create_dir_all(path).expect("a writable directory");
        let mut mount = Command::new("mount");
        let options = format!("size={size}m,mode=0700");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]);
        let status = mount.arg(path).stderr(Stdio::null()).status().ok()?;
        status.success().then(|| Self(path.to_owned()))
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Leaves no byte free. Returns whether there was room for the file that does this.
    fn fill(&self) -> bool {
        let block = vec![1; 1 << 20];
        let Ok(mut ballast) = File::create(self.ballast()) else {
            return false;
        };
        while ballast.write_all(&block).is_ok() {}
        true
    }

    fn free(&self) {
        // It was not made on a disk that was full already.
        let _ = fs::remove_file(self.ballast());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What is left of a run that failed goes with its namespace.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// All that can be troubled. Clones share it.
#[derive(Clone)]
pub(crate) struct Trouble {
    pub(crate) syslog: Switch,
    pub(crate) bulk: Switch,
    pub(crate) kafka: Option<Switch>,
    pub(crate) disks: Arc<[Disk]>,
}

/// How often each trouble was made.
#[derive(Default)]
pub(crate) struct Troubles {
    pauses: u64,
    failures: u64,
    gone: u64,
    full: u64,
}

impl Trouble {
    pub(crate) fn has_disks(&self) -> bool {
        !self.disks.is_empty()
    }

    /// Makes trouble in turn until it is told to stop, one at a time. At the end all is well.
    pub(crate) fn make(&self, mut random: Random, stop: &AtomicBool) -> Troubles {
        let mut made = Troubles::default();
        let switches = [Some(&self.syslog), Some(&self.bulk), self.kafka.as_ref()];
        for kind in (0..switches.len() + self.disks.len()).cycle() {
            wait(1000 + random.below(4000), stop);
            if stop.load(Ordering::Relaxed) {
                break;
            }
            // Longer than an output waits before it takes lines as accepted.
            let length = 500 + random.below(7000);
            match switches.get(kind) {
                Some(None) => continue,
                Some(Some(switch)) => {
                    switch.store(true, Ordering::Relaxed);
                    wait(length, stop);
                    switch.store(false, Ordering::Relaxed);
                }
                None => {
                    let disk = &self.disks[kind - switches.len()];
                    if !disk.fill() {
                        continue;
                    }
                    wait(length, stop);
                    disk.free();
                }
            }
            *match kind {
                0 => &mut made.pauses,
                1 => &mut made.failures,
                2 => &mut made.gone,
                _ => &mut made.full,
            } += 1;
        }
        made
    }
}

/// Waits so many milliseconds, or until it is told to stop.
pub(crate) fn wait(milliseconds: u64, stop: &AtomicBool) {
    let end = Instant::now() + Duration::from_millis(milliseconds);
    while Instant::now() < end && !stop.load(Ordering::Relaxed) {
        sleep(Duration::from_millis(20));
    }
}

impl fmt::Display for Troubles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "trouble  {} pauses of syslog, {} failures of bulk, {} of Kafka, {} full disks",
            self.pauses, self.failures, self.gone, self.full
        )
    }
}
