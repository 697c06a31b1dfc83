//! Deliberate faults of a server, by name.
//!
//! Most faults affect only the first connections, so that a client can show after a
//! reconnect that no event was lost. Without a value, the seed selects one.

use std::fmt;
use std::str::FromStr;

/// Declares the enum with name, value and sentence in one place.
macro_rules! chaos {
    ($($variant:ident $name:literal $value:expr, $sentence:literal)*) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ChaosKind {
            $(#[doc = $sentence] $variant,)*
        }

        impl ChaosKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Returns the name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Returns the meaning in one sentence.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence),* }
            }

            /// Returns the unit of the value and the bounds within which the seed selects it.
            pub const fn value(self) -> Option<(&'static str, u64, u64)> {
                match self { $(Self::$variant => $value),* }
            }
        }
    };
}

chaos! {
    Cut "cut" Some(("BYTES", 1, 50_000)),
        "The connection breaks after this many bytes."
    Stall "stall" Some(("MS", 500, 3_000)),
        "The server waits this many milliseconds before each bundle."
    Drip "drip" Some(("BYTES", 1, 1)),
        "The server sends this many bytes at a time, each time in a separate TLS record."
    Garbage "garbage" Some(("BUNDLE", 1, 4)),
        "The server sends random bytes instead of this bundle."
    Oversize "oversize" Some(("MIB", 17, 17)),
        "The first bundle ends with a record of this many MiB."
    Error "error" Some(("BUNDLE", 1, 4)),
        "The server sends an error message after this bundle, then closes the connection."
    SilentClose "silent-close" None,
        "The server closes the connection after the TLS handshake without sending a byte."
    NullClose "null-close" None,
        "The server sends a null message instead of the first bundle, then closes the connection."
    NoCloseNotify "no-close-notify" Some(("BUNDLE", 1, 4)),
        "The server closes the connection after this bundle, without an error message and without close_notify."
    DuplicateBundle "duplicate-bundle" Some(("BUNDLE", 1, 4)),
        "The server sends this bundle twice."
    SkipSequence "skip-sequence" Some(("BUNDLE", 1, 4)),
        "From this bundle on, sequence numbers are one too high."
    NoClose "no-close" Some(("MS", 60_000, 60_000)),
        "After the client has closed, the server keeps the connection open for this many milliseconds."
    NoLimit "no-limit" None,
        "The server does not wait for acknowledgements, on all connections."
    Nagle "nagle" None,
        "Nagle's algorithm is enabled, on all connections."
    WrongSubject "wrong-subject" None,
        "The subject of the server's certificate has no title eStreamer, on all connections."
    ExpiredCertificate "expired-certificate" None,
        "The server's certificate expired yesterday, on all connections."
}

impl ChaosKind {
    /// Returns whether the fault concerns messages or their timing, not the connection.
    pub(super) const fn is_in_messages(self) -> bool {
        !matches!(
            self,
            Self::NoLimit | Self::Nagle | Self::WrongSubject | Self::ExpiredCertificate
        )
    }
}

/// A fault with its value, if one is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chaos {
    /// The kind.
    pub kind: ChaosKind,
    /// The value.
    pub value: Option<u64>,
}

impl From<ChaosKind> for Chaos {
    fn from(kind: ChaosKind) -> Self {
        Self { kind, value: None }
    }
}

impl Chaos {
    /// Returns the fault with this value.
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
