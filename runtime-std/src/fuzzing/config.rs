//! Arbitrary configuration files.

use std::path::Path;

use crate::config::read::diagnostic::{self, Diagnostic};
use crate::config::read::file;

/// Parses a configuration and checks its diagnostics. Opens no file.
pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match file::parse(&text) {
        Ok(raw) => {
            check_diagnostics(&text, &raw.check(true));
            let longer = format!("{text}\n# the end\n");
            assert!(file::parse(&longer).is_ok(), "a comment changes nothing");
        }
        Err(found) => {
            assert!(!found.is_empty(), "refused for no reason");
            check_diagnostics(&text, &found);
        }
    }
}

/// Each diagnostic has an existing line, and its message is one line.
fn check_diagnostics(text: &str, diagnostics: &[Diagnostic]) {
    let lines = text.lines().count();
    let words = text.split_whitespace().count();
    assert!(diagnostics.len() <= 16 + 16 * words, "in proportion");
    for found in diagnostics {
        assert!(found.line <= lines + 1, "{found:?} of {lines} lines");
        let said = diagnostic::failure(Some(Path::new("file")), vec![found.clone()]);
        let said = said.to_string();
        assert!(said.starts_with("file"), "{said:?}");
        assert!(!said.contains(char::is_control), "{said:?}");
    }
}
