//! The client identity: its files, and how they are read.

use std::path::{Path, PathBuf};

use estreamer_mio::tls::{Identity, IdentityError};
use tracing::warn;
use zeroize::Zeroizing;

use super::secret::{Secret, unlock};
use crate::certificate;
use crate::failure::{Failure, Remedy};
use crate::input;

/// The files of a client identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdentityFiles {
    /// A PKCS#12 file, as downloaded from the Management Center.
    Pkcs12 {
        /// The file.
        file: PathBuf,
        /// The place of its password. With `None` it is opened without a password,
        /// then with one that the user types.
        password: Option<Secret>,
        /// The CA of the server as PEM, instead of the one in the file.
        ca: Option<PathBuf>,
    },
    /// Certificate, key and CA as PEM files.
    Pem {
        /// The client certificate.
        cert: PathBuf,
        /// Its private key, not encrypted.
        key: PathBuf,
        /// The CA of the server.
        ca: PathBuf,
    },
}

/// A file that a configuration names.
#[derive(Debug)]
pub(super) struct NamedFile<'a> {
    /// The key that names it.
    pub(super) key: &'static str,
    /// What it holds.
    pub(super) what: &'static str,
    /// As written.
    pub(super) path: &'a Path,
    /// Whether only its owner should read it.
    pub(super) is_secret: bool,
    /// Whether it holds certificates as PEM.
    pub(super) is_pem: bool,
}

impl<'a> NamedFile<'a> {
    /// Returns a file that everybody may read.
    pub(super) fn open(key: &'static str, what: &'static str, path: &'a Path) -> Self {
        Self {
            key,
            what,
            path,
            is_secret: false,
            is_pem: true,
        }
    }

    /// Returns a file that only its owner should read.
    pub(super) fn secret(key: &'static str, what: &'static str, path: &'a Path) -> Self {
        Self {
            is_secret: true,
            is_pem: false,
            ..Self::open(key, what, path)
        }
    }
}

impl IdentityFiles {
    /// Returns the files.
    pub(super) fn files(&self) -> Vec<NamedFile<'_>> {
        match self {
            Self::Pkcs12 { file, password, ca } => {
                let mut files = vec![NamedFile::secret("pkcs12", "the identity", file)];
                if let Some(Secret::File(path)) = password {
                    files.push(NamedFile::secret("password", "the password", path));
                }
                files.extend(ca.iter().map(|ca| NamedFile::open("ca", "the CA", ca)));
                files
            }
            Self::Pem { cert, key, ca } => vec![
                NamedFile::open("cert", "the certificate", cert),
                NamedFile::secret("key", "the key", key),
                NamedFile::open("ca", "the CA", ca),
            ],
        }
    }

    /// Reads the files. Relative paths start at `base`.
    ///
    /// # Errors
    /// The file, the cause, and the remedy.
    pub fn load(self, base: &Path) -> Result<Identity, Failure> {
        self.open(base).map_err(|(_, failure)| failure)
    }

    /// As [`load`](Self::load), with the key that names the file of a failure.
    pub(super) fn open(self, base: &Path) -> Result<Identity, (&'static str, Failure)> {
        let of = |key| move |failure| (key, failure);
        match self {
            Self::Pkcs12 { file, password, ca } => {
                let path = base.join(file);
                let bytes = read(&path).map_err(of("pkcs12"))?;
                let password = password.map(|secret| secret.under(base));
                let password = password.map(|secret| secret.read()).transpose();
                let password = password.map_err(of("password"))?;
                let identity = unlock(&path, password, |password| {
                    Identity::from_pkcs12(&bytes, password)
                });
                let identity = identity.map_err(of("pkcs12"))?;
                let Some(ca) = ca else {
                    return Ok(identity);
                };
                let ca = base.join(ca);
                identity
                    .with_ca(&read(&ca).map_err(of("ca"))?)
                    .map_err(|error| ("ca", about(&ca, &error)))
            }
            Self::Pem { cert, key, ca } => {
                let [cert, key, ca] = [cert, key, ca].map(|file| base.join(file));
                let read = |name, path| read(path).map_err(of(name));
                let (certs, keys) = (read("cert", &cert)?, read("key", &key)?);
                Identity::from_pem(&certs, &keys, &read("ca", &ca)?).map_err(|error| {
                    let (name, file) = match error.part() {
                        "key" => ("key", &key),
                        "CA" => ("ca", &ca),
                        _ => ("cert", &cert),
                    };
                    (name, about(file, &error))
                })
            }
        }
    }
}

/// Adds the file to an error.
pub(super) fn about(file: &Path, error: &IdentityError) -> Failure {
    Failure::failed(format!("{}: {error}", file.display()), "")
}

/// Warns about client certificates that expire soon or are expired.
pub fn warn(source: &str, identity: &Identity) {
    for warning in identity.warnings(certificate::now()) {
        warn!(source, "{warning}");
    }
}

/// Reads a file that may hold a private key. The bytes are wiped when dropped.
///
/// # Errors
/// The file and the cause.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    input::read(path, input::IDENTITY).map_err(|error| {
        Failure::failed(
            format!("cannot read {}: {error}", path.display()),
            Remedy::of_system(&error, "Check the path and its permissions"),
        )
    })
}
