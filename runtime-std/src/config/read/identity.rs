//! Who we are: the files an identity is read from.

use std::path::{Path, PathBuf};

use estreamer_mio::tls::{Identity, IdentityError};
use zeroize::Zeroizing;

use super::secret::{Secret, unlock};
use crate::certificate;
use crate::failure::Failure;
use crate::input;

/// One PKCS#12 file, or three PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityFiles {
    /// As downloaded from the Management Center.
    Pkcs12 {
        /// The file.
        file: PathBuf,
        /// Where its password is; `None` tries without one, then asks.
        password: Option<Secret>,
        /// The server's CA in PEM form, in place of the one in the file.
        ca: Option<PathBuf>,
    },
    /// Certificate, key and CA, each in PEM form.
    Pem {
        /// The client's certificate.
        cert: PathBuf,
        /// Its private key, not encrypted.
        key: PathBuf,
        /// The server's CA.
        ca: PathBuf,
    },
}

impl IdentityFiles {
    /// Reads the files; relative paths are taken from `base`.
    ///
    /// # Errors
    /// The file, the cause, and what to do.
    pub fn load(self, base: &Path) -> Result<Identity, Failure> {
        match self {
            Self::Pkcs12 { file, password, ca } => {
                let path = base.join(file);
                let bytes = read(&path)?;
                let password = password.map(|secret| secret.under(base));
                let identity = unlock(&path, password.as_ref(), |password| {
                    Identity::from_pkcs12(&bytes, password)
                })?;
                let Some(ca) = ca else {
                    return Ok(identity);
                };
                let ca = base.join(ca);
                identity
                    .with_ca(&read(&ca)?)
                    .map_err(|error| about(&ca, &error))
            }
            Self::Pem { cert, key, ca } => {
                let [cert, key, ca] = [cert, key, ca].map(|file| base.join(file));
                Identity::from_pem(&read(&cert)?, &read(&key)?, &read(&ca)?).map_err(|error| {
                    let file = match error.part() {
                        "key" => &key,
                        "CA" => &ca,
                        _ => &cert,
                    };
                    about(file, &error)
                })
            }
        }
    }
}

/// What is wrong with a file.
fn about(file: &Path, error: &IdentityError) -> Failure {
    Failure::failed(format!("{}: {error}", file.display()), "")
}

/// Says on stderr which of our own certificates ends soon, or is over.
pub fn warn(identity: &Identity) {
    for warning in identity.warnings(certificate::now()) {
        say!("estreamer: warning: {warning}");
    }
}

/// Reads a file that may hold a key.
///
/// # Errors
/// Which one, and why not.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    input::read(path, input::IDENTITY).map_err(|error| {
        Failure::failed(
            format!("cannot read {}: {error}", path.display()),
            "Check the path and its permissions",
        )
    })
}
