//! Whom we believe: the arguments that say how a server is judged.

use clap::Args;
use estreamer_mio::tls::{NameRule, ServerRules};

use estreamer::config::rules::{Fingerprint, fingerprint, name_rule};

/// How the server's certificate is judged. Without any of these: by its chain
/// to the CA and its subject.
#[derive(Args)]
#[command(next_help_heading = "Verification of the server")]
pub(super) struct VerificationArgs {
    /// The name the server's certificate has to carry, as common name or as
    /// subject alternative name; otherwise any.
    #[arg(long, value_name = "cn:NAME|san:NAME", value_parser = name_rule)]
    server_name: Option<NameRule>,
    /// The SHA-256 fingerprint the server's certificate has to have.
    #[arg(long, value_name = "HEX", value_parser = fingerprint)]
    server_fingerprint: Option<Fingerprint>,
    /// Accept a server certificate that is signed with SHA-1.
    #[arg(long)]
    allow_sha1: bool,
    /// Verify nothing: believe whoever answers. For tests only.
    #[arg(long, conflicts_with_all = ["server_name", "server_fingerprint", "allow_sha1"])]
    insecure_no_verify: bool,
}

impl VerificationArgs {
    /// The rules for the TLS library.
    pub(super) fn rules(&self) -> ServerRules {
        ServerRules {
            name: self.server_name.clone().unwrap_or_default(),
            fingerprint: self.server_fingerprint.map(|found| found.0),
            allow_sha1: self.allow_sha1,
            insecure: self.insecure_no_verify,
        }
    }
}
