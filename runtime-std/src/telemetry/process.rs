//! What the system says about this process.

use std::fs;

/// Returns the bytes of memory that are resident, on Linux.
pub(super) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Returns the number of open file descriptors, on Linux.
pub(super) fn descriptors() -> Option<u64> {
    let entries = fs::read_dir("/proc/self/fd").ok()?;
    // Listing them needs one itself.
    Some((entries.count() as u64).saturating_sub(1))
}
