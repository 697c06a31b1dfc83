//! The arguments for the verification of a server.

use clap::Args;
use estreamer_mio::tls::{NameRule, ServerRules};

use estreamer::config::rules::{Fingerprint, fingerprint, name_rule};

/// How the server certificate is verified. By default: by its chain to the CA and its
/// subject.
#[derive(Args)]
#[command(next_help_heading = "Verification of the server")]
pub(super) struct VerificationArgs {
    /// The required name of the server certificate, as common name or subject alternative name;
    /// by default any.
    #[arg(long, value_name = "cn:NAME|san:NAME", value_parser = name_rule)]
    server_name: Option<NameRule>,
    /// The required SHA-256 fingerprint of the server certificate.
    #[arg(long, value_name = "HEX", value_parser = fingerprint)]
    server_fingerprint: Option<Fingerprint>,
    /// Accept a server certificate that is signed with SHA-1.
    #[arg(long)]
    allow_sha1: bool,
    /// Do not verify the server. For tests only.
    #[arg(long, conflicts_with_all = ["server_name", "server_fingerprint", "allow_sha1"])]
    insecure_no_verify: bool,
}

impl VerificationArgs {
    /// Returns the rules for the TLS library.
    pub(super) fn rules(&self) -> ServerRules {
        ServerRules {
            name: self.server_name.clone().unwrap_or_default(),
            fingerprint: self.server_fingerprint.map(|found| found.0),
            allow_sha1: self.allow_sha1,
            insecure: self.insecure_no_verify,
        }
    }
}
