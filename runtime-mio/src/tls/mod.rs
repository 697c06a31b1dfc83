//! Mutual TLS as eStreamer uses it: identities, the rules for the peer, and a TLS
//! session without I/O.
//!
//! ```text
//! PKCS#12, PEM ─▶ Identity ─┬─▶ ClientTls (+ ServerRules) ─▶ TlsSession
//!                           └─▶ ServerTls ─▶ TlsSession ─▶ ClientRules::check
//! ```
//!
//! An [`Identity`] is what a Management Center issues: a private key, its
//! certificate and the Internal CA. A client verifies the server by [`ServerRules`]
//! within the handshake. A server verifies the client by [`ClientRules`] after it,
//! because a Management Center refuses a client by closing without a message.
//!
//! Every error has a variant per cause. Its text says what happened and what to
//! change. [`TlsError::class`] says which end refused the other.
//!
//! The TLS library appears in no public type. Nothing is logged, and no file is read
//! or written.

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
pub(crate) use engine::MAX_RECORD;
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
