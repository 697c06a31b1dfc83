//! What will be wrong with a certificate soon, or should not surprise anybody.

use std::fmt;

use super::facts::{CertificateFacts, Validity};
use super::identity::Identity;
use super::key::MIN_RSA_BITS;
use super::text;

/// Something about a certificate to be told before it stops a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateWarning {
    /// It ends within [`EXPIRY_WARNING_DAYS`](super::EXPIRY_WARNING_DAYS).
    ExpiresSoon {
        /// Its subject.
        subject: String,
        /// Whole days left.
        days: u32,
        /// Its end in UNIX seconds.
        not_after: i64,
    },
    /// It has ended.
    Expired {
        /// Its subject.
        subject: String,
        /// Its end in UNIX seconds.
        not_after: i64,
    },
    /// It has not begun.
    NotYetValid {
        /// Its subject.
        subject: String,
        /// Its start in UNIX seconds.
        not_before: i64,
    },
    /// Its RSA key is too small for peers like us to verify anything with.
    RsaTooSmall {
        /// Its subject.
        subject: String,
        /// Bits of the key.
        bits: u32,
    },
}

impl CertificateFacts {
    /// What to tell about this certificate at `now` (UNIX seconds).
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
    /// What to tell about our own chain and the CAs at `now` (UNIX seconds).
    ///
    /// An expired CA is among it, and nowhere else: TLS does not look at the
    /// dates of a CA that is trusted already.
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
                "the certificate {subject} expires in {days} days, at {}; renew it before",
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
                "the certificate {subject} has an RSA key of {bits} bits, and less than 2048 \
                 are refused; have it issued anew with a larger key",
            ),
        }
    }
}
