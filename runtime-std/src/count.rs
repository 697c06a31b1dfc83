//! Counts with their nouns.

use std::fmt;

/// A count and the noun for one of it: `1 event`, `2 events`.
pub struct Count<'a>(pub u64, pub &'a str);

impl fmt::Display for Count<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, noun) = self;
        let plural = if *count == 1 { "" } else { "s" };
        write!(f, "{count} {noun}{plural}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noun_agrees_with_its_count() {
        let shown = [0, 1, 2].map(|count| Count(count, "event").to_string());
        assert_eq!(shown, ["0 events", "1 event", "2 events"]);
    }
}
