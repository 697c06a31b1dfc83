//! Reads an archive as a user would: by its manifest.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The lines of a manifest.
///
/// # Panics
/// When one is not JSON.
pub fn manifest(open: &Path) -> Vec<Value> {
    let mut path = open.as_os_str().to_owned();
    path.push(".manifest");
    let text = std::fs::read_to_string(PathBuf::from(path)).unwrap_or_default();
    // A line that a kill tore is followed by a whole one.
    let lines = text.lines().filter(|line| !line.is_empty());
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// The closed files that are there according to the manifest, the oldest first.
///
/// # Panics
/// When a line of the manifest is not as documented.
pub fn closed(open: &Path) -> Vec<PathBuf> {
    let mut names: Vec<(String, String)> = Vec::new();
    for line in manifest(open) {
        let text = |key: &str| line[key].as_str().expect("a text").to_owned();
        match &*text("kind") {
            "closed" => names.push((text("name"), text("name"))),
            "compressed" => {
                let mut names = names.iter_mut();
                let found = names.find(|(name, _)| *name == text("name"));
                found.expect("a closed file").1 = text("into");
            }
            _ => names.retain(|(name, _)| *name != text("name")),
        }
    }
    let directory = open.parent().expect("a directory");
    names
        .into_iter()
        .map(|(_, found)| directory.join(found))
        .collect()
}

/// Every line of the closed files, and then of the open one.
///
/// # Errors
/// A file that cannot be read, as while it is being compressed.
pub fn archived(open: &Path) -> std::io::Result<Vec<Vec<u8>>> {
    let mut lines = Vec::new();
    for path in closed(open).iter().map(PathBuf::as_path).chain([open]) {
        let content = estreamer::fuzzing::content_of(path)?;
        let all = content.split_inclusive(|&byte| byte == b'\n');
        lines.extend(all.map(|line| line.strip_suffix(b"\n").unwrap_or(line).to_vec()));
    }
    Ok(lines)
}

/// The date of UNIX seconds, as in a file name.
pub fn day_of(second: u32) -> String {
    // Days to a date, by Howard Hinnant's formula.
    let days = i64::from(second / 86_400) + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, late) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!("{:04}{month:02}{day:02}", year + era * 400 + late)
}
