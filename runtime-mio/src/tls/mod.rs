//! Mutual TLS as eStreamer speaks it: identities, who is accepted, and the
//! byte-level session a readiness loop drives.
//!
//! ```text
//! PKCS#12, PEM ─▶ Identity ─┬─▶ ClientTls (+ ServerRules) ─▶ TlsSession
//!                           └─▶ ServerTls ─▶ TlsSession ─▶ ClientRules::check
//! ```
//!
//! An [`Identity`] is what a Management Center hands out: a private key, its
//! certificate and the Internal CA. [`ServerRules`] says how our client judges
//! the server, during the handshake; [`ClientRules`] how our server judges the
//! client, after it, because a Management Center refuses a client by closing
//! without a word.
//!
//! Every failure is an enum by cause whose text says what happened and what to
//! change. [`TlsError::class`] sorts them by who refused whom.
//!
//! No type of the TLS library appears here, nothing is logged, and nothing is
//! read from or written to a file.

mod endpoint;
mod engine;
mod error;
mod facts;
mod identity;
mod identity_error;
mod inspect;
mod key;
mod peer;
mod pem;
mod pkcs12;
mod problem;
mod raw_key;
mod rules;
mod session;
mod sha1;
mod text;
mod verify;
mod warning;

#[cfg(test)]
mod tests;

pub use endpoint::{ClientTls, ServerTls, TlsVersions};
pub use error::{CertificateRefusal, TlsClass, TlsError};
pub use facts::{AltName, CertificateFacts, EXPIRY_WARNING_DAYS, Validity};
pub use identity::Identity;
pub use identity_error::IdentityError;
pub use inspect::{inspect, is_pem};
pub use peer::Peer;
pub use pkcs12::Pkcs12Encryption;
pub use problem::CertificateProblem;
pub use rules::{ClientRefusal, ClientRules, NameRule, ServerRules};
pub use session::{ReadOutcome, TlsSession};
pub use warning::CertificateWarning;
