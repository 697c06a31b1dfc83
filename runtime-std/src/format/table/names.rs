//! A hash table of the names in a mapping table.

use super::Entry;
use crate::format::event::hash;

/// Entries by name.
#[derive(Default)]
pub(super) struct Names {
    /// Hash, name and entry; a power of two, at most a quarter is used.
    slots: Vec<Option<(u32, &'static str, Entry)>>,
}

impl Names {
    pub(super) fn new(all: Vec<(&'static str, Entry)>) -> Self {
        let mut slots = Vec::new();
        slots.resize((4 * all.len()).next_power_of_two(), None);
        for (name, entry) in all {
            let hash = hash(name.as_bytes());
            let mut slot = hash as usize & (slots.len() - 1);
            while slots[slot].is_some() {
                slot = (slot + 1) & (slots.len() - 1);
            }
            slots[slot] = Some((hash, name, entry));
        }
        Self { slots }
    }

    pub(super) fn get(&self, hash: u32, name: &[u8]) -> Option<&Entry> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = hash as usize & mask;
        while let Some((other, key, entry)) = &self.slots[slot] {
            if *other == hash && key.as_bytes() == name {
                return Some(entry);
            }
            slot = (slot + 1) & mask;
        }
        None
    }
}
