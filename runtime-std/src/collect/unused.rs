//! Warns about bookmarks that no source uses: a source may have lost its bookmark because
//! its address, which is its name by default, is written differently.

use std::sync::Arc;

use tracing::warn;

use super::connection_log::start;
use crate::config::SourceConfig;
use crate::delivery::pipeline::Pipeline;
use crate::failure::{Remedy, Wording};

/// Warns about each bookmark without a source, and names the source that may have been
/// meant: one without a bookmark.
pub(super) fn warn(pipeline: &Pipeline, sources: &[Arc<SourceConfig>], wording: Wording) {
    for name in &pipeline.unused {
        let keep = wording.of(&Remedy::ResetSource(name.clone()));
        let meant = meant(name, &pipeline.without_bookmark);
        let source = sources.iter().find(|source| Some(&source.name) == meant);
        match source {
            None => warn!(
                "the bookmark knows a source {name:?} that the configuration does not name. It is \
                 kept. {keep}."
            ),
            Some(source) => warn!(
                source = &*source.name,
                "this source has no bookmark and starts {}. The state directory has a bookmark of \
                 {name:?}, which no source uses. If both are the same server: {}. If not: {keep}.",
                start(source.from),
                wording.of(&Remedy::NameSource(name.clone()))
            ),
        }
    }
}

/// Returns the source that may be the same server: one whose name is the same address, or
/// any.
fn meant<'a>(name: &str, without_bookmark: &'a [String]) -> Option<&'a String> {
    let same = |other: &&String| address(other) == address(name);
    let near = without_bookmark.iter().find(same);
    near.or(without_bookmark.first())
}

/// Returns a name as an address in one spelling.
fn address(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(":8302").unwrap_or(&name);
    let (host, port) = match name.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') && port.parse::<u16>().is_ok() => (host, port),
        _ => (name, ""),
    };
    let host = match host.trim_end_matches('.') {
        "127.0.0.1" | "[::1]" | "::1" => "localhost",
        host => host,
    };
    format!("{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_address_in_another_spelling_is_meant_before_any_other() {
        let sources = ["fmc-rome", "localhost:8302", "fmc.example.net"].map(String::from);
        for (name, expected) in [
            ("127.0.0.1:8302", 1),
            ("127.0.0.1", 1),
            ("[::1]:8302", 1),
            ("FMC.example.net.:8302", 2),
            ("127.0.0.1:9302", 0),
        ] {
            assert_eq!(meant(name, &sources), sources.get(expected), "{name}");
        }
        assert_eq!(meant("fmc", &[]), None);
    }
}
