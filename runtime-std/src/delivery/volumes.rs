//! Events and their bytes, by event type.

use std::ops::{AddAssign, SubAssign};

use estreamer_core::fqe::EventKind;
use estreamer_core::wire::RecordType;

use crate::output::pattern::OTHER;

/// A number of events, and the bytes of their data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Volume {
    /// Events.
    pub events: u64,
    /// Bytes of their data, without headers.
    pub bytes: u64,
}

/// The event types that are told apart, and one for every other record type.
const TYPES: usize = EventKind::ALL.len() + 1;

/// The volume of each event type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Volumes([Volume; TYPES]);

impl Volumes {
    /// Counts an event with this number of bytes.
    pub fn count(&mut self, record_type: RecordType, bytes: usize) {
        let index =
            EventKind::from_record_type(record_type).map_or(TYPES - 1, |kind| kind as usize);
        if let Some(volume) = self.0.get_mut(index) {
            volume.events += 1;
            volume.bytes += bytes as u64;
        }
    }

    /// Returns the number of events.
    pub fn events(&self) -> u64 {
        self.0.iter().map(|volume| volume.events).sum()
    }

    /// Returns the bytes of all events.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|volume| volume.bytes).sum()
    }

    /// Returns the volumes with the names of their event types; `other` is the last.
    pub fn by_event(&self) -> impl Iterator<Item = (&'static str, Volume)> {
        let names = EventKind::ALL.map(EventKind::name).into_iter();
        names.chain([OTHER]).zip(self.0)
    }
}

impl AddAssign<&Self> for Volumes {
    fn add_assign(&mut self, other: &Self) {
        for (sum, of) in self.0.iter_mut().zip(&other.0) {
            sum.events += of.events;
            sum.bytes += of.bytes;
        }
    }
}

impl SubAssign<&Self> for Volumes {
    fn sub_assign(&mut self, other: &Self) {
        for (rest, of) in self.0.iter_mut().zip(&other.0) {
            rest.events = rest.events.saturating_sub(of.events);
            rest.bytes = rest.bytes.saturating_sub(of.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_type_counts_once_and_under_its_own_name() {
        let mut volumes = Volumes::default();
        for kind in EventKind::ALL {
            volumes.count(kind.record_type(), 10);
        }
        volumes.count(RecordType::FILE_MALWARE, 1);
        volumes.count(RecordType(9999), 5);
        let of = |name: &str| volumes.by_event().find(|(of, _)| *of == name).unwrap().1;
        for kind in EventKind::ALL {
            let events = if kind == EventKind::File { 2 } else { 1 };
            assert_eq!(of(kind.name()).events, events, "{kind}");
        }
        assert_eq!((of(OTHER).events, of(OTHER).bytes), (1, 5));
        assert_eq!((volumes.events(), volumes.bytes()), (6, 46));
        let all = volumes;
        volumes += &all;
        assert_eq!(volumes.events(), 12);
        volumes -= &all;
        assert_eq!(volumes, all);
    }
}
