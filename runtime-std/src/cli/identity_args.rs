//! Who we are: the arguments every connecting command takes.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use estreamer_mio::tls::Identity;
use zeroize::Zeroizing;

use super::Failure;
use super::password::PasswordArgs;
use crate::doctor::certificate;

/// The client's identity: one PKCS#12 file, or three PEM files.
#[derive(Args)]
#[command(next_help_heading = "Identity")]
pub(super) struct IdentityArgs {
    /// The client's PKCS#12 file, as downloaded from the Management Center.
    #[arg(long, value_name = "FILE", required_unless_present = "cert")]
    pkcs12: Option<PathBuf>,
    #[command(flatten)]
    password: PasswordArgs,
    /// The client's certificate in PEM form, instead of PKCS#12.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pkcs12", "password"], requires_all = ["key", "ca"])]
    cert: Option<PathBuf>,
    /// Its private key in PEM form.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// The server's CA in PEM form.
    #[arg(long, value_name = "FILE", requires = "cert")]
    ca: Option<PathBuf>,
}

impl IdentityArgs {
    /// Reads the files.
    pub(super) fn load(&self) -> Result<Identity, Failure> {
        if let (Some(cert), Some(key), Some(ca)) = (&self.cert, &self.key, &self.ca) {
            return Identity::from_pem(&read(cert)?, &read(key)?, &read(ca)?)
                .map_err(|error| Failure::failed(format!("{}: {error}", cert.display()), ""));
        }
        let Some(path) = &self.pkcs12 else {
            return Err(Failure::usage("no identity is given", "Add --pkcs12 FILE"));
        };
        let bytes = read(path)?;
        self.password
            .unlock(path, |password| Identity::from_pkcs12(&bytes, password))
    }
}

/// Says on stderr which of our own certificates ends soon, or is over.
pub(super) fn warn(identity: &Identity) {
    for warning in identity.warnings(certificate::now()) {
        say!("estreamer: warning: {warning}");
    }
}

/// Reads a file that may hold a key, or says which one and why not.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    fs::read(path).map(Zeroizing::new).map_err(|error| {
        Failure::failed(
            format!("cannot read {}: {error}", path.display()),
            "Check the path and its permissions",
        )
    })
}
