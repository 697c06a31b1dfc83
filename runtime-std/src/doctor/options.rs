//! What is to be examined, and how.

use std::io;
use std::net::SocketAddr;

use estreamer_mio::tls::{ClientTls, Identity, ServerRules};

use crate::config::EventRequest;
use crate::failure::Wording;

/// What is to be examined.
pub struct Options<'a> {
    /// The server as a person wrote it.
    pub server: String,
    /// What the resolver said.
    pub addresses: io::Result<Vec<SocketAddr>>,
    /// Who we are.
    pub identity: &'a Identity,
    /// How the server is judged.
    pub rules: &'a ServerRules,
    /// TLS made of these two.
    pub tls: &'a ClientTls,
    /// What is asked for, from the oldest event on.
    pub ask: &'a EventRequest,
    /// The same in words.
    pub asked: String,
    /// Milliseconds until TCP and TLS have to stand.
    pub timeout: u32,
    /// Milliseconds to wait for events.
    pub wait: u32,
    /// This moment in UNIX seconds, to judge certificates by.
    pub now: i64,
    /// How remedies are worded.
    pub wording: Wording,
}
