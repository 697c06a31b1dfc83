//! `estreamer pki`: certificates for the simulator.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Failure;
use crate::simulate::pki::{self, DEFAULT_PASSWORD};

/// Make certificates for `estreamer simulate`.
#[derive(Args)]
#[command(after_help = "Example:\n  estreamer pki init /tmp/estreamer-pki")]
pub(super) struct Pki {
    #[command(subcommand)]
    command: PkiCommand,
}

#[derive(Subcommand)]
enum PkiCommand {
    /// Make a CA, a server and a client in a directory that holds none yet.
    Init {
        /// The directory; it is made if it does not exist.
        directory: PathBuf,
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

impl Pki {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            PkiCommand::Init { directory } => {
                pki::Pki::generate()
                    .and_then(|pki| pki.write_to(&directory))
                    .map_err(|error| Failure::failed(error, ""))?;
                say!(
                    "estreamer: certificates are in {}; the password of client.p12 and client-legacy.p12 is \
                     {DEFAULT_PASSWORD:?}, client-nopassword.p12 has none",
                    directory.display()
                );
            }
            PkiCommand::Client { name, pki } => {
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
