//! The ways to count the length of a request, and the order in which to try them.
//!
//! The guide says that the length "must include the length of the binary header,
//! plus the length of the JSON block" (FQE, Requesting Fully-qualified Events).
//! If N is the length of the JSON block, this means 8 + N, as in every other
//! message, or literally 16 + N. A server that counts the other way waits for 8
//! bytes that never come, or truncates the JSON block.

use crate::quirk::{Quirk, Quirks};
use core::fmt;

/// The form of a request: what its length counts, and how it ends. No form works
/// with every server, so a client tries them in the order of [`ALL`](Self::ALL)
/// and keeps the first that is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum RequestForm {
    /// The length is 8 + N.
    #[default]
    Payload,
    /// The length is 16 + N, and a null message follows. A server that counts 8 + N
    /// sees a JSON block that ends with the first NUL of the null message, and
    /// ignores the rest. So the block is complete for either kind of server.
    Both,
    /// The length is 16 + N, and nothing follows.
    Inclusive,
    /// As [`Payload`](Self::Payload), with a NUL after the JSON block.
    PayloadNul,
    /// As [`Both`](Self::Both), with a NUL after the JSON block.
    BothNul,
    /// As [`Inclusive`](Self::Inclusive), with a NUL after the JSON block.
    InclusiveNul,
}

impl RequestForm {
    /// All forms, in the order in which they are tried.
    pub const ALL: [Self; 6] = [
        Self::Payload,
        Self::Both,
        Self::Inclusive,
        Self::PayloadNul,
        Self::BothNul,
        Self::InclusiveNul,
    ];

    /// The name in configuration files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::Both => "both",
            Self::Inclusive => "inclusive",
            Self::PayloadNul => "payload-nul",
            Self::BothNul => "both-nul",
            Self::InclusiveNul => "inclusive-nul",
        }
    }

    /// The form with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }

    /// The form to try after this one. The first follows the last.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Payload => Self::Both,
            Self::Both => Self::Inclusive,
            Self::Inclusive => Self::PayloadNul,
            Self::PayloadNul => Self::BothNul,
            Self::BothNul => Self::InclusiveNul,
            Self::InclusiveNul => Self::Payload,
        }
    }

    /// The quirks that produce this form.
    pub const fn quirks(self) -> Quirks {
        let quirks = match self {
            Self::Payload | Self::PayloadNul => Quirks::NONE,
            Self::Both | Self::BothNul => Quirks::NONE.with(Quirk::RequestBoth),
            Self::Inclusive | Self::InclusiveNul => Quirks::NONE.with(Quirk::RequestInclusive),
        };
        match self {
            Self::PayloadNul | Self::BothNul | Self::InclusiveNul => quirks.with(Quirk::RequestNul),
            _ => quirks,
        }
    }

    /// Replaces the form in a set of quirks: keeps those that do not concern the form
    /// of a request, and adds this form's.
    #[must_use]
    pub const fn apply(self, quirks: Quirks) -> Quirks {
        quirks
            .without(Quirk::RequestInclusive)
            .without(Quirk::RequestBoth)
            .without(Quirk::RequestNul)
            .and(self.quirks())
    }

    /// The form that `quirks` produce; `None` if none of them concerns it.
    /// `request-both` takes precedence over `request-inclusive`.
    pub const fn of(quirks: Quirks) -> Option<Self> {
        let nul = quirks.has(Quirk::RequestNul);
        Some(if quirks.has(Quirk::RequestBoth) {
            if nul { Self::BothNul } else { Self::Both }
        } else if quirks.has(Quirk::RequestInclusive) {
            if nul {
                Self::InclusiveNul
            } else {
                Self::Inclusive
            }
        } else if nul {
            Self::PayloadNul
        } else {
            return None;
        })
    }
}

impl fmt::Display for RequestForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_has_a_name_and_quirks_that_identify_it() {
        for form in RequestForm::ALL {
            assert_eq!(RequestForm::from_name(form.name()), Some(form));
            let fixed = RequestForm::of(form.quirks());
            assert_eq!(fixed.unwrap_or(RequestForm::Payload), form);
        }
        let other = Quirks::NONE.with(Quirk::ErrorNul);
        for form in RequestForm::ALL {
            let applied = form.apply(RequestForm::BothNul.apply(other));
            assert_eq!(applied, form.quirks().and(other));
        }
        assert_eq!(RequestForm::from_name("auto"), None);
        assert_eq!(RequestForm::of(Quirks::NONE.with(Quirk::ErrorNul)), None);
    }

    #[test]
    fn the_forms_follow_each_other_in_a_ring() {
        let mut form = RequestForm::default();
        for expected in RequestForm::ALL {
            assert_eq!(form, expected);
            form = form.next();
        }
        assert_eq!(form, RequestForm::default());
    }
}
