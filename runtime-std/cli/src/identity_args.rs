//! The identity arguments of every command that connects.

use std::path::{Path, PathBuf};

use clap::Args;
use estreamer_mio::tls::Identity;

use super::Failure;
use super::password::PasswordArgs;
use estreamer::config::read::identity::IdentityFiles;

/// The client identity: one PKCS#12 file, or three PEM files.
#[derive(Args)]
#[command(next_help_heading = "Identity")]
pub(super) struct IdentityArgs {
    /// The PKCS#12 file of the client, as downloaded from the Management Center.
    #[arg(long, value_name = "FILE")]
    pkcs12: Option<PathBuf>,
    #[command(flatten)]
    password: PasswordArgs,
    /// The client certificate as PEM, instead of PKCS#12.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pkcs12", "password"], requires_all = ["key", "ca"])]
    cert: Option<PathBuf>,
    /// Its private key as PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// The CA of the server as PEM; with --pkcs12, instead of the one in that file.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl IdentityArgs {
    /// Returns the given files.
    pub(super) fn files(&self) -> Result<IdentityFiles, Failure> {
        if let (Some(cert), Some(key), Some(ca)) = (&self.cert, &self.key, &self.ca) {
            return Ok(IdentityFiles::Pem {
                cert: cert.clone(),
                key: key.clone(),
                ca: ca.clone(),
            });
        }
        match &self.pkcs12 {
            Some(file) => Ok(IdentityFiles::Pkcs12 {
                file: file.clone(),
                password: self.password.secret(),
                ca: self.ca.clone(),
            }),
            None => Err(Failure::usage(
                "no identity is configured",
                "Add --pkcs12 FILE, as downloaded from the Management Center, or --cert, --key and --ca",
            )),
        }
    }

    /// Reads the files.
    pub(super) fn load(&self) -> Result<Identity, Failure> {
        self.files()?.load(Path::new(""))
    }
}
