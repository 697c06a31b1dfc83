//! A configuration that anybody wrote.

use std::path::Path;

use crate::config::read::file;
use crate::config::read::mistake::{self, Mistake};

/// Understands a configuration, or says line by line what is wrong. No file it
/// names is touched.
pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match file::parse(&text) {
        Ok(draft) => {
            told(&text, &draft.check());
            let longer = format!("{text}\n# the end\n");
            assert!(file::parse(&longer).is_ok(), "a comment changes nothing");
        }
        Err(mistakes) => {
            assert!(!mistakes.is_empty(), "refused for no reason");
            told(&text, &mistakes);
        }
    }
}

/// Each mistake has a line that is there and words that stay on one.
fn told(text: &str, mistakes: &[Mistake]) {
    let lines = text.lines().count();
    let words = text.split_whitespace().count();
    assert!(mistakes.len() <= 16 + 16 * words, "in proportion");
    for mistake in mistakes {
        assert!(mistake.line <= lines + 1, "{mistake:?} of {lines} lines");
        let said = mistake::failure(Some(Path::new("file")), vec![mistake.clone()]);
        let said = said.to_string();
        assert!(said.starts_with("file"), "{said:?}");
        assert!(!said.contains(char::is_control), "{said:?}");
    }
}
