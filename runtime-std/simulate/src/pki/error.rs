//! Errors of the test PKI.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why the PKI cannot be created, written or read.
#[derive(Debug)]
#[non_exhaustive]
pub enum PkiError {
    /// Creating a key or certificate failed.
    Certificate {
        /// `CA`, `server` or `client`.
        what: &'static str,
        /// The reason of rcgen.
        source: rcgen::Error,
    },
    /// Creating the PKCS#12 archive failed.
    Pkcs12 {
        /// The reason of the library.
        reason: String,
    },
    /// Invalid name of a client.
    ClientName {
        /// The name.
        name: String,
    },
    /// A file exists already.
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file is missing that an existing file needs.
    Incomplete {
        /// The existing file.
        present: PathBuf,
        /// The missing file.
        missing: PathBuf,
    },
    /// An existing server certificate lacks a name.
    ServerName {
        /// The certificate.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A file of the PKI is missing.
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file has unexpected content.
    Content {
        /// The file.
        path: PathBuf,
        /// The expected content, such as `a certificate in PEM form`.
        expected: &'static str,
        /// The reason.
        reason: String,
    },
    /// Another error of the file system.
    Io {
        /// `create`, `write` or `read`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

impl fmt::Display for PkiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate { what, source } => write!(
                f,
                "cannot create the {what} certificate: {source}; try again; report it if the error persists"
            ),
            Self::Pkcs12 { reason } => write!(
                f,
                "cannot create the PKCS#12 archive: {reason}; use the PEM files instead"
            ),
            Self::ClientName { name } => write!(
                f,
                "{name:?} cannot name a client certificate; give the address or host name the \
                 client comes from, at most 64 letters, digits and .:-_"
            ),
            Self::Exists { path } => write!(
                f,
                "{} exists already and may be in use; choose another directory or remove it first",
                path.display()
            ),
            Self::Incomplete { present, missing } => write!(
                f,
                "there is {}, but no {}; restore that file, or remove the first one and make \
                 the PKI again",
                present.display(),
                missing.display()
            ),
            Self::ServerName { path, name } => write!(
                f,
                "{} is kept, and its certificate is not for {name}; remove it and {}, and make \
                 the PKI again",
                path.display(),
                path.with_extension("key").display()
            ),
            Self::Missing { path } => write!(
                f,
                "there is no {}; create the PKI first with `estreamer pki init DIR`",
                path.display()
            ),
            Self::Content {
                path,
                expected,
                reason,
            } => write!(
                f,
                "{} does not contain {expected}: {reason}; restore the file or create a new PKI",
                path.display()
            ),
            Self::Io {
                action,
                path,
                source,
            } => write!(
                f,
                "cannot {action} {}: {source}; check the path, its permissions and the free space",
                path.display()
            ),
        }
    }
}

impl std::error::Error for PkiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Certificate { source, .. } => Some(source),
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
