//! `estreamer pki`: creates certificates for the simulator.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tracing::info;

use super::Failure;
use estreamer_simulate::pki::{self, DEFAULT_PASSWORD, Initialised, ServerName};

/// Create certificates for `estreamer simulate`.
#[derive(Args)]
#[command(after_help = "Example:\n  estreamer pki init /tmp/estreamer-pki")]
pub(super) struct PkiCommand {
    #[command(subcommand)]
    command: PkiAction,
}

#[derive(Subcommand)]
enum PkiAction {
    /// Create a CA, a server and a client in a directory. Existing files are kept, missing ones
    /// are created.
    Init {
        /// The directory; it is created if it does not exist.
        directory: PathBuf,
        /// A name for the server certificate, for clients whose TLS library compares it with the
        /// address. Certificates of a Management Center have none. Repeatable.
        #[arg(long = "san", value_name = "NAME|ADDR")]
        names: Vec<ServerName>,
    },
    /// Create another client with the CA of a directory made by `init`.
    Client {
        /// The address or host name the client connects from.
        name: String,
        /// The directory.
        #[arg(long, value_name = "DIR")]
        pki: PathBuf,
    },
}

impl PkiCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            PkiAction::Init { directory, names } => {
                let Initialised { made, kept } =
                    pki::init(&directory, &names).map_err(|error| Failure::failed(error, ""))?;
                let place = directory.display();
                match (made.is_empty(), kept.is_empty()) {
                    (true, _) => {
                        info!("{place} holds all certificates already; nothing is changed")
                    }
                    (false, true) => info!("certificates are in {place}"),
                    (false, false) => info!(
                        "made {} in {place}; kept {}",
                        made.join(", "),
                        kept.join(", ")
                    ),
                }
                info!(
                    "the password of client.p12 and client-legacy.p12 is \
                     {DEFAULT_PASSWORD:?}, client-nopassword.p12 has none"
                );
            }
            PkiAction::Client { name, pki } => {
                let files =
                    pki::issue_client(&pki, &name).map_err(|error| Failure::failed(error, ""))?;
                info!(
                    "wrote {}; its password is {DEFAULT_PASSWORD:?}",
                    files.p12.display()
                );
            }
        }
        Ok(())
    }
}
