//! What a server does wrong on purpose, by name.
//!
//! Most of it hits the first connections only, so that a client that connects
//! again can show that nothing was lost. Where no value is given, the seed
//! chooses one.

use std::fmt;
use std::str::FromStr;

/// Declares the enum once with name, value and sentence, so that none can be forgotten.
macro_rules! chaos {
    ($($variant:ident $name:literal $value:expr, $sentence:literal)*) => {
        /// One kind of wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ChaosKind {
            $(#[doc = $sentence] $variant,)*
        }

        impl ChaosKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What it means, one sentence.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence),* }
            }

            /// What its value is, and between which bounds the seed chooses it.
            pub const fn value(self) -> Option<(&'static str, u64, u64)> {
                match self { $(Self::$variant => $value),* }
            }
        }
    };
}

chaos! {
    Cut "cut" Some(("BYTES", 1, 50_000)),
        "The connection breaks after so many bytes."
    Stall "stall" Some(("MS", 500, 3_000)),
        "Nothing comes for so many milliseconds before each bundle."
    Drip "drip" Some(("BYTES", 1, 1)),
        "So many bytes come at a time, each in a TLS record of its own."
    Garbage "garbage" Some(("BUNDLE", 1, 4)),
        "Noise comes in place of this bundle."
    Oversize "oversize" Some(("MIB", 17, 17)),
        "The first bundle ends with a record of so many MiB."
    Error "error" Some(("BUNDLE", 1, 4)),
        "An error message follows this bundle, then the server closes."
    SilentClose "silent-close" None,
        "The server closes after the TLS handshake without a word."
    NullClose "null-close" None,
        "A null message comes in place of the first bundle, then the server closes."
    NoCloseNotify "no-close-notify" Some(("BUNDLE", 1, 4)),
        "The server closes after this bundle, without error message and close_notify."
    DuplicateBundle "duplicate-bundle" Some(("BUNDLE", 1, 4)),
        "This bundle comes twice."
    SkipSequence "skip-sequence" Some(("BUNDLE", 1, 4)),
        "From this bundle on, sequence numbers are one too high."
    NoClose "no-close" Some(("MS", 60_000, 60_000)),
        "When the client has closed, the server does not close for so many milliseconds."
    NoLimit "no-limit" None,
        "Bundles come without waiting for acknowledgements, on all connections."
    Nagle "nagle" None,
        "Nagle's algorithm stays on, on all connections."
    WrongSubject "wrong-subject" None,
        "The server's certificate has no title eStreamer, on all connections."
    ExpiredCertificate "expired-certificate" None,
        "The server's certificate ended yesterday, on all connections."
}

impl ChaosKind {
    /// Whether messages, or when they go out, show it; not the connection as such.
    pub(super) const fn is_in_messages(self) -> bool {
        !matches!(
            self,
            Self::NoLimit | Self::Nagle | Self::WrongSubject | Self::ExpiredCertificate
        )
    }
}

/// A kind of wrong with its value, if one was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chaos {
    /// Which.
    pub kind: ChaosKind,
    /// How much of it.
    pub value: Option<u64>,
}

impl From<ChaosKind> for Chaos {
    fn from(kind: ChaosKind) -> Self {
        Self { kind, value: None }
    }
}

impl Chaos {
    /// The same with a value.
    #[must_use]
    pub const fn with(kind: ChaosKind, value: u64) -> Self {
        Self {
            kind,
            value: Some(value),
        }
    }
}

impl FromStr for Chaos {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let Some(&kind) = ChaosKind::ALL.iter().find(|kind| kind.name() == name) else {
            let names: Vec<_> = ChaosKind::ALL.iter().map(|kind| kind.name()).collect();
            return Err(format!("use one of {}", names.join(", ")));
        };
        let value = match (value, kind.value()) {
            (None, _) => None,
            (Some(_), None) => return Err(format!("{name} takes no value")),
            (Some(value), Some((unit, ..))) => match value.parse::<u32>() {
                Ok(value) => Some(value.into()),
                Err(_) => return Err(format!("write {name}={unit} with a number")),
            },
        };
        Ok(Self { kind, value })
    }
}

impl fmt::Display for ChaosKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value() {
            Some((unit, ..)) => write!(f, "{}={unit}", self.name()),
            None => f.write_str(self.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_by_its_name_with_and_without_value() {
        for &kind in ChaosKind::ALL {
            assert_eq!(kind.name().parse(), Ok(Chaos::from(kind)));
            let with = format!("{}=3", kind.name()).parse::<Chaos>();
            assert_eq!(with.is_ok(), kind.value().is_some(), "{kind}");
        }
    }

    #[test]
    fn nonsense_says_what_there_is() {
        assert!("cot".parse::<Chaos>().unwrap_err().contains("cut, stall"));
        assert!("cut=x".parse::<Chaos>().unwrap_err().contains("cut=BYTES"));
        assert!("no-limit=1".parse::<Chaos>().is_err());
    }
}
