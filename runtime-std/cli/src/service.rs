//! What systemd tells a service.

use std::env;
use std::path::PathBuf;

/// Returns the state directories that systemd created (`StateDirectory=`), which it separates
/// by colons.
pub(crate) fn state_directories() -> Vec<PathBuf> {
    let all = env::var_os("STATE_DIRECTORY").unwrap_or_default();
    let all = env::split_paths(&all);
    all.filter(|path| !path.as_os_str().is_empty()).collect()
}
