//! What can go wrong around the test PKI, each with its remedy.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why the PKI could not be made, written or read.
#[derive(Debug)]
#[non_exhaustive]
pub enum PkiError {
    /// A key or certificate could not be made.
    Certificate {
        /// `CA`, `server` or `client`.
        what: &'static str,
        /// rcgen's reason.
        source: rcgen::Error,
    },
    /// The PKCS#12 archive could not be put together.
    Pkcs12 {
        /// The library's reason.
        reason: String,
    },
    /// Not a name for a client certificate.
    ClientName {
        /// What was asked for.
        name: String,
    },
    /// A file that would have been overwritten.
    Exists {
        /// That file.
        path: PathBuf,
    },
    /// A file without which another one is of no use.
    Incomplete {
        /// The file that is there.
        present: PathBuf,
        /// The file that is not.
        missing: PathBuf,
    },
    /// A server certificate that stays as it is lacks a name.
    ServerName {
        /// The certificate.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A file the PKI should have is not there.
    Missing {
        /// That file.
        path: PathBuf,
    },
    /// A file does not hold what it should.
    Content {
        /// The file.
        path: PathBuf,
        /// What was looked for, such as `a certificate in PEM form`.
        expected: &'static str,
        /// Why it was not found there.
        reason: String,
    },
    /// Any other failure of the file system.
    Io {
        /// `create`, `write` or `read`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl fmt::Display for PkiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate { what, source } => write!(
                f,
                "cannot make the {what} certificate: {source}; try again, and report it if it stays"
            ),
            Self::Pkcs12 { reason } => write!(
                f,
                "cannot make the PKCS#12 archive: {reason}; use the PEM files instead"
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
                "there is no {}; make the PKI first with `estreamer pki init DIR`",
                path.display()
            ),
            Self::Content {
                path,
                expected,
                reason,
            } => write!(
                f,
                "{} does not hold {expected}: {reason}; restore the file or make a new PKI",
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
