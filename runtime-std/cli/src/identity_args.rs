//! Who we are: the arguments every connecting command takes.

use std::path::{Path, PathBuf};

use clap::Args;
use estreamer_mio::tls::Identity;

use super::Failure;
use super::password::PasswordArgs;
use estreamer::config::read::identity::IdentityFiles;

/// The client's identity: one PKCS#12 file, or three PEM files.
#[derive(Args)]
#[command(next_help_heading = "Identity")]
pub(super) struct IdentityArgs {
    /// The client's PKCS#12 file, as downloaded from the Management Center.
    #[arg(long, value_name = "FILE")]
    pkcs12: Option<PathBuf>,
    #[command(flatten)]
    password: PasswordArgs,
    /// The client's certificate in PEM form, instead of PKCS#12.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pkcs12", "password"], requires_all = ["key", "ca"])]
    cert: Option<PathBuf>,
    /// Its private key in PEM form.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// The server's CA in PEM form; with --pkcs12, in place of the one in that file.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl IdentityArgs {
    /// The files that were named.
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
                "no identity is given",
                "Add --pkcs12 FILE, as downloaded from the Management Center, or --cert, --key and --ca",
            )),
        }
    }

    /// Reads the files.
    pub(super) fn load(&self) -> Result<Identity, Failure> {
        self.files()?.load(Path::new(""))
    }
}
