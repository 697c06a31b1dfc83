//! The fields of an event that are written.

use std::fmt;

use crate::event::hash;

/// The fields of an event that an output writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSelection {
    is_keep: bool,
    /// Sorted, with their hashes.
    names: Vec<(u32, String)>,
}

impl FieldSelection {
    /// Writes only these fields.
    pub fn keep(names: impl IntoIterator<Item = String>) -> Self {
        Self::new(true, names)
    }

    /// Writes every field but these.
    pub fn drop(names: impl IntoIterator<Item = String>) -> Self {
        Self::new(false, names)
    }

    fn new(is_keep: bool, names: impl IntoIterator<Item = String>) -> Self {
        let names = names.into_iter().map(|name| (hash(name.as_bytes()), name));
        let mut names: Vec<(u32, String)> = names.collect();
        names.sort();
        names.dedup();
        Self { is_keep, names }
    }

    /// Returns whether only the named fields are written; if not, all others are.
    pub fn is_keep(&self) -> bool {
        self.is_keep
    }

    /// Returns the named fields in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(_, name)| &**name)
    }

    /// Returns whether a field is written.
    pub fn writes(&self, name: &str) -> bool {
        self.writes_hashed(hash(name.as_bytes()), name.as_bytes())
    }

    /// As [`writes`](Self::writes), with the hash of the name.
    pub(crate) fn writes_hashed(&self, hash: u32, name: &[u8]) -> bool {
        let from = self.names.partition_point(|(other, _)| *other < hash);
        let same = self.names[from..].iter().take_while(|it| it.0 == hash);
        let is_named = same.into_iter().any(|(_, other)| other.as_bytes() == name);
        is_named == self.is_keep
    }
}

/// Shows `only A, B` or `all but A, B`, in the order of the alphabet.
impl fmt::Display for FieldSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<&str> = self.names().collect();
        names.sort_unstable();
        let which = if self.is_keep { "only" } else { "all but" };
        write!(f, "{which} {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_names_and_repetitions_do_not_matter() {
        let names = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let twice = names(&["URL", "User", "URL"]);
        let keep = FieldSelection::keep(twice.clone());
        assert_eq!(keep, FieldSelection::keep(names(&["User", "URL"])));
        assert_eq!(keep.to_string(), "only URL, User");
        assert!(keep.writes("URL") && !keep.writes("url") && !keep.writes("Device"));
        let drop = FieldSelection::drop(twice);
        assert!(!drop.writes("URL") && drop.writes("url") && drop.writes("Device"));
        assert_eq!(drop.to_string(), "all but URL, User");
    }
}
