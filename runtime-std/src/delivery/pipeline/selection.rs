//! Which records an output takes, by what is known without reading them.

use estreamer_core::fqe::EventKind;

/// Which sources and types of events an output takes.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    sources: Option<Vec<String>>,
    events: Option<Vec<EventKind>>,
}

impl Selection {
    /// Returns the selection of these names and types; `None` stands for all.
    pub(super) fn of(sources: Option<Vec<String>>, events: Option<Vec<EventKind>>) -> Self {
        Self { sources, events }
    }

    /// Returns whether it takes events of this source.
    pub(super) fn takes_source(&self, name: &str) -> bool {
        let sources = self.sources.as_ref();
        sources.is_none_or(|sources| sources.iter().any(|source| source == name))
    }

    /// Returns whether it takes events of this type.
    pub(super) fn takes(&self, kind: Option<EventKind>) -> bool {
        let events = self.events.as_ref();
        events.is_none_or(|events| kind.is_some_and(|kind| events.contains(&kind)))
    }

    /// Returns the types of events, if it does not take all.
    pub(super) fn events(&self) -> Option<&[EventKind]> {
        self.events.as_deref()
    }
}
