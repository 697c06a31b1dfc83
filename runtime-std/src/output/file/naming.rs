//! The names of the files of an archive.
//!
//! The open file keeps its name. A closed file has the UTC time of its closing and a
//! number in front of its extension: `fmc-20260131T120000Z-000001.ndjson`. The manifest is
//! beside them, `fmc.ndjson.manifest`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The extension of a manifest.
pub const MANIFEST: &str = ".manifest";

/// Returns the path of the manifest of a series.
pub fn manifest_path(series: &Path) -> PathBuf {
    let mut path = series.as_os_str().to_owned();
    path.push(MANIFEST);
    path.into()
}

/// Returns the name that the open file gets when it is closed at `now` as number
/// `sequence` of its series.
pub fn closed_path(open: &Path, now: u64, sequence: u64) -> PathBuf {
    let mut name = OsString::from(open.file_stem().unwrap_or_default());
    name.push(format!("-{}-{sequence:06}", compact(now)));
    if let Some(extension) = open.extension() {
        name.push(".");
        name.push(extension);
    }
    open.with_file_name(name)
}

/// Returns whether a path looks like the one that an open file gets when it is closed,
/// compressed or not.
#[cfg(feature = "archive")]
pub fn is_closed_name(open: &Path, path: &Path) -> bool {
    let text = |of: Option<&std::ffi::OsStr>| of.unwrap_or_default().to_string_lossy().into_owned();
    let name = text(path.file_name());
    let Some(rest) = name.strip_prefix(&text(open.file_stem())) else {
        return false;
    };
    let extension = match open.extension() {
        Some(extension) => format!(".{}", extension.to_string_lossy()),
        None => String::new(),
    };
    let rest = [".zst", ".gz"]
        .iter()
        .find_map(|it| rest.strip_suffix(it))
        .unwrap_or(rest);
    let Some(rest) = rest
        .strip_suffix(&extension)
        .and_then(|it| it.strip_prefix('-'))
    else {
        return false;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    path.parent() == open.parent()
        && rest.split_once('-').is_some_and(|(time, number)| {
            let time = time.strip_suffix('Z').and_then(|it| it.split_once('T'));
            number.len() >= 6
                && digits(number)
                && time.is_some_and(|(date, clock)| digits(date) && digits(clock))
        })
}

/// Returns a path with text appended to its name.
#[cfg(feature = "archive")]
pub fn appended(path: &Path, text: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(text);
    name.into()
}

/// Formats UNIX seconds as in `20260131T120000Z`.
fn compact(seconds: u64) -> String {
    let time = at(seconds);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// Formats UNIX seconds as in `20260131`.
pub fn date(seconds: u64) -> String {
    compact(seconds)[..8].to_owned()
}

/// Formats the hour of the day of UNIX seconds with two digits.
pub fn hour(seconds: u64) -> String {
    format!("{:02}", at(seconds).hour())
}

/// Formats UNIX seconds in RFC 3339.
pub fn rfc_3339(seconds: u64) -> String {
    // Years are in range.
    at(seconds).format(&Rfc3339).unwrap_or_default()
}

/// Parses RFC 3339; returns UNIX seconds.
pub fn seconds_of(text: &str) -> Option<u64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    time.unix_timestamp().try_into().ok()
}

/// The last second of the year 9999.
const LAST: u64 = 253_402_300_799;

fn at(seconds: u64) -> OffsetDateTime {
    let seconds = i64::try_from(seconds.min(LAST)).unwrap_or_default();
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_file_keeps_its_extension() {
        for (open, closed) in [
            ("/log/fmc.ndjson", "/log/fmc-20260131T120000Z-000001.ndjson"),
            ("/log/a.b.csv", "/log/a.b-20260131T120000Z-000001.csv"),
            ("/log/events", "/log/events-20260131T120000Z-000001"),
            ("events", "events-20260131T120000Z-000001"),
            ("/log/.x", "/log/.x-20260131T120000Z-000001"),
        ] {
            let path = closed_path(Path::new(open), 1_769_860_800, 1);
            assert_eq!(path, Path::new(closed));
            #[cfg(feature = "archive")]
            {
                assert!(is_closed_name(Path::new(open), &path));
                assert!(is_closed_name(Path::new(open), &appended(&path, ".zst")));
                assert!(!is_closed_name(Path::new(open), Path::new(open)));
            }
        }
    }

    #[cfg(feature = "archive")]
    #[test]
    fn a_name_that_differs_in_one_part_is_not_one_of_a_closed_file() {
        let is_closed = |name: &str| is_closed_name(Path::new("/log/a.csv"), Path::new(name));
        assert!(is_closed("/log/a-20260131T120000Z-000001.csv"));
        for other in [
            "/elsewhere/a-20260131T120000Z-000001.csv",
            "/log/b-20260131T120000Z-000001.csv",
            "/log/a-20260131T120000Z-000001.txt",
            "/log/a-20260131T120000-000001.csv",
            "/log/a-2026x131T120000Z-000001.csv",
            "/log/a-20260131T12x000Z-000001.csv",
            "/log/a-20260131T120000Z-00001.csv",
            "/log/a-20260131T120000Z-00000x.csv",
            "/log/a-20260131T120000Z.csv",
            "/log/a20260131T120000Z-000001.csv",
        ] {
            assert!(!is_closed(other), "{other}");
        }
    }

    #[test]
    fn times_read_back() {
        assert_eq!(rfc_3339(1_769_860_800), "2026-01-31T12:00:00Z");
        assert_eq!(seconds_of("2026-01-31T12:00:00Z"), Some(1_769_860_800));
        assert_eq!((date(0), hour(3_599)), ("19700101".into(), "00".into()));
        assert_eq!(date(u64::MAX), "99991231");
    }
}
