//! The known deviations from the guide, by name. A session counts those of its peer,
//! and can produce some of them to test peers.

use core::fmt;

/// Declares the enum with the name and the description of each variant.
macro_rules! quirks {
    ($($variant:ident $name:literal $description:literal)*) => {
        /// A named deviation. The names are stable: configuration files use them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Quirk {
            $(#[doc = $description] $variant,)*
        }

        impl Quirk {
            /// All quirks.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in configuration files and statistics.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// A description in one sentence.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $description),* }
            }
        }
    };
}

quirks! {
    NestedVersion0 "nested-version-0" "Messages inside bundles carry header version 0, as real servers send them."
    NestedVersion1 "nested-version-1" "Messages inside bundles carry header version 1, as the classic guide says."
    NestedVersionOther "nested-version-other" "Messages inside bundles carry a header version that is neither 0 nor 1."
    EventType3 "event-type-3" "Event data has message type 3, as the fully-qualified guide says, instead of 4."
    ExtendedFlag "extended-flag" "Bit 31 of the record type is set, as the classic guide says."
    FlagContradictsLengths "flag-contradicts-lengths" "Bit 31 of the record type is set on a record without archival timestamp."
    Netmap "netmap" "The record carries a Netmap ID."
    RecordClipped "record-clipped" "The record length matches no layout, but the extended-header flag shows where the data starts."
    RecordCoversExtension "record-covers-extension" "The record length counts archival timestamp, reserved word and data."
    RecordCoversHeader "record-covers-header" "The record length counts the whole record header and the data."
    RecordMalformed "record-malformed" "The lengths of an event data message contradict each other."
    NoExtension "no-extension" "A record has no archival timestamp although the request set bit 23."
    DataNotJson "data-not-json" "An event requested as JSON does not begin with `{`."
    MessageMalformed "message-malformed" "A message other than event data is too short for its fixed fields."
    ErrorNul "error-nul" "The text of an error message ends with a NUL, which the text length includes."
    ErrorLength "error-length" "The text length of an error message does not match the message length."
    RequestInclusive "request-inclusive" "The length of the event stream request includes its own header."
    RequestBoth "request-both" "The length of the event stream request includes its own header, and a null message supplies the missing bytes."
    RequestNul "request-nul" "The JSON block of the request ends with a NUL."
    SurplusNull "surplus-null" "A null message arrives when no bundle waits for an acknowledgement."
    NullBody "null-body" "A null message has a body."
    NestedNull "nested-null" "A bundle contains a null message."
    NestedError "nested-error" "A bundle contains an error message."
    NestedUnknown "nested-unknown" "A bundle contains a message of an unexpected type."
    UnknownMessage "unknown-message" "A message outside bundles has an unexpected type."
    TopLevelEvent "top-level-event" "An event data message is outside any bundle and is acknowledged separately."
    BundleOverrun "bundle-overrun" "A nested message is longer than the rest of its bundle."
    BundleTrailing "bundle-trailing" "A bundle ends with fewer than eight bytes, too few for a message header."
    BundleEmpty "bundle-empty" "A bundle contains no message."
    SequenceGap "sequence-gap" "The sequence number of a bundle is not that of the previous bundle plus one."
    SequenceRepeat "sequence-repeat" "A bundle has the sequence number of the previous bundle."
    SequenceStanding "sequence-standing" "All bundles have the same sequence number; the client counts this as `sequence-repeat`."
    Oversize "oversize" "A message or record exceeds the configured limit and is skipped."
    AcknowledgeKeepAlives "acknowledge-keep-alives" "The client answers each keep-alive null message with a null message, as some clients do."
}

impl Quirk {
    /// The quirk with this name. `record-inclusive` is an older name of
    /// `record-covers-header`.
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "record-inclusive" {
            return Some(Self::RecordCoversHeader);
        }
        Self::ALL.iter().copied().find(|quirk| quirk.name() == name)
    }

    /// The quirks that a client can produce, in its request ([`crate::fqe`]) and in its [`ClientSession`](crate::session::ClientSession).
    pub const CLIENT: &[Self] = &[
        Self::RequestInclusive,
        Self::RequestBoth,
        Self::RequestNul,
        Self::ErrorNul,
        Self::AcknowledgeKeepAlives,
    ];

    /// The quirks that a server can produce, in its bundles
    /// ([`BundleWriter`](crate::wire::BundleWriter)) and in its
    /// [`ServerSession`](crate::session::ServerSession).
    pub const SERVER: &[Self] = &[
        Self::NestedVersion1,
        Self::EventType3,
        Self::ExtendedFlag,
        Self::RecordCoversExtension,
        Self::RecordCoversHeader,
        Self::NoExtension,
        Self::ErrorNul,
        Self::SequenceStanding,
    ];
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of quirks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Quirks(u64);

impl Quirks {
    /// No quirks: the behaviour of the guide.
    pub const NONE: Self = Self(0);

    /// Adds a quirk.
    #[must_use]
    pub const fn with(self, quirk: Quirk) -> Self {
        Self(self.0 | 1 << quirk as u8)
    }

    /// Adds all quirks of another set.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Removes a quirk.
    #[must_use]
    pub const fn without(self, quirk: Quirk) -> Self {
        Self(self.0 & !(1 << quirk as u8))
    }

    /// Whether the quirk is in the set.
    pub const fn has(self, quirk: Quirk) -> bool {
        self.0 >> quirk as u8 & 1 == 1
    }
}

/// How often each quirk was seen. A counter stops at its maximum: 4 294 967 295 on
/// 64-bit targets, 65 535 on smaller ones, where the state of a session must be
/// small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Deviations([Counter; Quirk::ALL.len()]);

#[cfg(target_pointer_width = "64")]
type Counter = u32;
#[cfg(not(target_pointer_width = "64"))]
type Counter = u16;

impl Deviations {
    /// Counts a quirk once.
    pub fn count(&mut self, quirk: Quirk) {
        self.count_all(Quirks::NONE.with(quirk));
    }

    /// Counts each quirk of a set once.
    pub fn count_all(&mut self, quirks: Quirks) {
        let mut left = quirks.0;
        while left != 0 {
            if let Some(counter) = self.0.get_mut(left.trailing_zeros() as usize) {
                *counter = counter.saturating_add(1);
            }
            left &= left - 1;
        }
    }

    /// Adds the counts of another session.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(count);
        }
    }

    /// How often a quirk was seen.
    #[allow(
        clippy::unnecessary_cast,
        reason = "the counter is a u16 on small targets"
    )]
    pub const fn of(&self, quirk: Quirk) -> u32 {
        self.0[quirk as usize] as u32
    }

    /// The quirks seen at least once, with their counts.
    pub fn seen(&self) -> impl Iterator<Item = (Quirk, u32)> {
        let counts = *self;
        Quirk::ALL
            .iter()
            .map(move |&quirk| (quirk, counts.of(quirk)))
            .filter(|&(_, count)| count > 0)
    }
}

impl Default for Deviations {
    fn default() -> Self {
        Self([0; Quirk::ALL.len()])
    }
}

// A set is one u64.
const _: () = assert!(Quirk::ALL.len() <= 64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quirk_is_found_by_its_own_name() {
        for &quirk in Quirk::ALL {
            assert_eq!(Quirk::from_name(quirk.name()), Some(quirk));
            assert_eq!(std::string::ToString::to_string(&quirk), quirk.name());
        }
        assert_eq!(Quirk::from_name("no-such-quirk"), None);
        let renamed = Quirk::from_name("record-inclusive");
        assert_eq!(renamed, Some(Quirk::RecordCoversHeader));
    }

    #[test]
    fn a_counter_stops_at_its_maximum() {
        let mut deviations = Deviations::default();
        deviations.0[Quirk::Netmap as usize] = Counter::MAX;
        let before = deviations;
        deviations.count(Quirk::Netmap);
        assert_eq!(deviations, before);
        assert_eq!(deviations.seen().count(), 1);
    }

    #[test]
    fn counts_add_up_over_sessions_and_stop_at_their_maximum() {
        let mut sum = Deviations::default();
        sum.count(Quirk::Netmap);
        let mut other = sum;
        other.count(Quirk::Netmap);
        other.count(Quirk::Oversize);
        sum.add(&other);
        let seen: std::vec::Vec<_> = sum.seen().collect();
        assert_eq!(seen, [(Quirk::Netmap, 3), (Quirk::Oversize, 1)]);
        sum.0[Quirk::Netmap as usize] = Counter::MAX;
        let before = sum;
        sum.add(&other);
        assert_eq!(sum.of(Quirk::Netmap), before.of(Quirk::Netmap));
    }

    #[test]
    fn a_set_holds_the_quirks_that_were_added() {
        let set = Quirks::NONE
            .with(Quirk::NestedVersion0)
            .with(Quirk::AcknowledgeKeepAlives);
        for &quirk in Quirk::ALL {
            let expected = [Quirk::NestedVersion0, Quirk::AcknowledgeKeepAlives].contains(&quirk);
            assert_eq!(set.has(quirk), expected, "{quirk}");
        }
    }
}
