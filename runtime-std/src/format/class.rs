//! Event types as tables know them.

use estreamer_core::fqe::EventKind;

/// What a row of a table can be for: an event type, and files that are taken for malware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventClass {
    Connection,
    Intrusion,
    Packet,
    /// A file that is not taken for malware.
    File,
    Malware,
}

impl EventClass {
    /// All of them, in their order.
    pub(super) const ALL: [Self; 5] = [
        Self::Connection,
        Self::Intrusion,
        Self::Packet,
        Self::File,
        Self::Malware,
    ];

    /// Returns its name in tables.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Intrusion => "intrusion",
            Self::Packet => "packet",
            Self::File => "file",
            Self::Malware => "malware",
        }
    }

    /// Returns the event type.
    pub(super) const fn kind(self) -> EventKind {
        match self {
            Self::Connection => EventKind::Connection,
            Self::Intrusion => EventKind::Intrusion,
            Self::Packet => EventKind::Packet,
            Self::File | Self::Malware => EventKind::File,
        }
    }
}
