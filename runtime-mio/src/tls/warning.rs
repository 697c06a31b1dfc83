//! Warnings about certificates, before they stop a connection.

use std::fmt;

use super::facts::{CertificateFacts, Validity};
use super::identity::Identity;
use super::key::MIN_RSA_BITS;
use super::text;

/// A warning about a certificate that stops connections now or soon.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateWarning {
    /// It expires within [`EXPIRY_WARNING_DAYS`](super::EXPIRY_WARNING_DAYS).
    ExpiresSoon {
        /// Its subject.
        subject: String,
        /// Whole days left.
        days: u32,
        /// Its end in UNIX seconds.
        not_after: i64,
    },
    /// It has expired.
    Expired {
        /// Its subject.
        subject: String,
        /// Its end in UNIX seconds.
        not_after: i64,
    },
    /// It is not valid yet.
    NotYetValid {
        /// Its subject.
        subject: String,
        /// Its start in UNIX seconds.
        not_before: i64,
    },
    /// Its RSA key is too small: peers like this one refuse it.
    RsaTooSmall {
        /// Its subject.
        subject: String,
        /// Bits of the key.
        bits: u32,
    },
}

impl CertificateFacts {
    /// Returns the warnings about this certificate at `now` (UNIX seconds).
    pub fn warnings(&self, now: i64) -> Vec<CertificateWarning> {
        let subject = || self.subject.clone();
        let not_after = self.not_after;
        let time = match self.validity(now) {
            Validity::Valid => None,
            Validity::ExpiresSoon { days } => Some(CertificateWarning::ExpiresSoon {
                subject: subject(),
                days,
                not_after,
            }),
            Validity::Expired => Some(CertificateWarning::Expired {
                subject: subject(),
                not_after,
            }),
            Validity::NotYet => Some(CertificateWarning::NotYetValid {
                subject: subject(),
                not_before: self.not_before,
            }),
        };
        let small = self.rsa_bits().filter(|bits| *bits < MIN_RSA_BITS);
        let size = small.map(|bits| CertificateWarning::RsaTooSmall {
            subject: subject(),
            bits,
        });
        time.into_iter().chain(size).collect()
    }
}

impl Identity {
    /// Returns the warnings about our own chain and the CAs at `now` (UNIX seconds).
    ///
    /// Only this tells of an expired CA: TLS does not check the dates of a trusted CA.
    pub fn warnings(&self, now: i64) -> Vec<CertificateWarning> {
        let ours = self.chain().iter();
        ours.chain(self.authorities())
            .flat_map(|facts| facts.warnings(now))
            .collect()
    }
}

impl fmt::Display for CertificateWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExpiresSoon {
                subject,
                days,
                not_after,
            } => write!(
                f,
                "the certificate {subject} expires in {days} day{}, at {}; renew it before",
                if *days == 1 { "" } else { "s" },
                text::utc(*not_after),
            ),
            Self::Expired { subject, not_after } => write!(
                f,
                "the certificate {subject} expired at {}; renew it, and check this machine's clock",
                text::utc(*not_after),
            ),
            Self::NotYetValid {
                subject,
                not_before,
            } => write!(
                f,
                "the certificate {subject} is not valid before {}; check this machine's clock",
                text::utc(*not_before),
            ),
            Self::RsaTooSmall { subject, bits } => write!(
                f,
                "the certificate {subject} has an RSA key of {bits} bits, and at least 2048 \
                 are needed; have it issued again with a larger key",
            ),
        }
    }
}
