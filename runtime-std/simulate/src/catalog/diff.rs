//! What one catalogue has more and less than another.

use super::{Catalog, CatalogEvent};

impl Catalog {
    /// One line for each event type, field and member of a field set that only
    /// `after` has (`+`) or only this catalogue has (`-`).
    pub fn diff(&self, after: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        let (before, after) = (entries(&self.events), entries(&after.events));
        let missing = |from: &[String], entry: &String| !from.contains(entry);
        for entry in before.iter().filter(|entry| missing(&after, entry)) {
            lines.push(format!("- {entry}"));
        }
        for entry in after.iter().filter(|entry| missing(&before, entry)) {
            lines.push(format!("+ {entry}"));
        }
        lines.sort_by(|a, b| a[2..].cmp(&b[2..]));
        lines
    }
}

/// Everything a catalogue says, one line each.
fn entries(events: &[CatalogEvent]) -> Vec<String> {
    let mut entries = Vec::new();
    for event in events {
        // Names come from a file and are shown as one line.
        let name = event.name.escape_debug();
        entries.push(name.to_string());
        for field in &event.fields {
            entries.push(format!("{name} field {}", field.escape_debug()));
        }
        for (set, members) in &event.sets {
            let set = set.escape_debug();
            entries.push(format!("{name} set {set}"));
            for member in members {
                entries.push(format!("{name} set {set}: {}", member.escape_debug()));
            }
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_differences_are_told_and_both_ways_round() {
        let built_in = Catalog::built_in();
        assert!(built_in.diff(&built_in).is_empty());
        let json = built_in
            .to_json()
            .replacen("\"FileName\"", "\"FileTitle\"", 1);
        let other = Catalog::parse(json.as_bytes()).unwrap();
        assert_eq!(
            built_in.diff(&other),
            ["- FileEvent field FileName", "+ FileEvent field FileTitle"]
        );
        assert_eq!(
            other.diff(&built_in),
            ["+ FileEvent field FileName", "- FileEvent field FileTitle"]
        );
    }
}
