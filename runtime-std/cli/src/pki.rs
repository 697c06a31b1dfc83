//! `estreamer pki`: certificates for the simulator.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Failure;
use estreamer::say;
use estreamer_simulate::pki::{self, DEFAULT_PASSWORD, Initialised, ServerName};

/// Make certificates for `estreamer simulate`.
#[derive(Args)]
#[command(after_help = "Example:\n  estreamer pki init /tmp/estreamer-pki")]
pub(super) struct PkiCommand {
    #[command(subcommand)]
    command: PkiAction,
}

#[derive(Subcommand)]
enum PkiAction {
    /// Make a CA, a server and a client in a directory. What is there is kept, and
    /// what is missing is made.
    Init {
        /// The directory; it is made if it does not exist.
        directory: PathBuf,
        /// A name of the server in its certificate, repeatable, for clients whose
        /// TLS library compares it with the address they connect to. A Management
        /// Center's certificate has none.
        #[arg(long = "san", value_name = "NAME|ADDR")]
        names: Vec<ServerName>,
    },
    /// Make a further client with the CA of a directory made by `init`.
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
                    (true, _) => say!(
                        "estreamer: {place} holds all certificates already; nothing is changed"
                    ),
                    (false, true) => say!("estreamer: certificates are in {place}"),
                    (false, false) => say!(
                        "estreamer: made {} in {place}; kept {}",
                        made.join(", "),
                        kept.join(", ")
                    ),
                }
                say!(
                    "estreamer: the password of client.p12 and client-legacy.p12 is \
                     {DEFAULT_PASSWORD:?}, client-nopassword.p12 has none"
                );
            }
            PkiAction::Client { name, pki } => {
                let files =
                    pki::issue_client(&pki, &name).map_err(|error| Failure::failed(error, ""))?;
                say!(
                    "estreamer: wrote {}; its password is {DEFAULT_PASSWORD:?}",
                    files.p12.display()
                );
            }
        }
        Ok(())
    }
}
