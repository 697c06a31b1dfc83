//! The PKI as files of a directory.
//!
//! | file | holds |
//! |---|---|
//! | `ca.pem` `ca.key` | the Internal CA, and its key for further clients |
//! | `server.pem` `server.key` | the server |
//! | `client.pem` `client.key` | the client |
//! | `client.p12` | the client and the CA, password [`DEFAULT_PASSWORD`] |
//! | `client-legacy.p12` | the same in the old ciphers, same password |
//! | `client-nopassword.p12` | the same, encrypted with the empty password |
//!
//! Files with a private key have mode 0600. No file is ever overwritten.

use super::{
    DEFAULT_PASSWORD, IssuedIdentity, Pki, PkiError, ServerFault, archive, client_params, issue,
    server_params,
};
use estreamer_mio::tls::Pkcs12Encryption;
use rcgen::{Issuer, KeyPair};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The maximum size of a certificate or key file in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// The files that a server needs. Any PEM chain and PEM key can be used.
#[derive(Clone)]
pub struct ServerPki {
    /// The CA certificate that verifies clients, PEM.
    pub ca_pem: Vec<u8>,
    /// The server certificate with its chain, PEM.
    pub chain_pem: Vec<u8>,
    /// The private key of the server, PEM.
    pub key_pem: Vec<u8>,
}

impl std::fmt::Debug for ServerPki {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerPki").finish_non_exhaustive()
    }
}

/// The files of a client made by [`issue_client`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFiles {
    /// `client-NAME.p12`, password [`DEFAULT_PASSWORD`].
    pub p12: PathBuf,
    /// `client-NAME.pem`.
    pub cert: PathBuf,
    /// `client-NAME.key`.
    pub key: PathBuf,
}

impl Pki {
    /// Writes every file of the table above into `dir`, which is created if needed. If one of
    /// them exists, nothing is written.
    pub fn write_to(&self, dir: &Path) -> Result<(), PkiError> {
        let (ca, server, client) = (self.ca(), self.server(), self.client());
        write_all(
            dir,
            &[
                ("ca.key", ca.key_pem().as_bytes(), Mode::Secret),
                ("ca.pem", ca.cert_pem().as_bytes(), Mode::Public),
                ("server.key", server.key_pem().as_bytes(), Mode::Secret),
                ("server.pem", server.cert_pem().as_bytes(), Mode::Public),
                ("client.key", client.key_pem().as_bytes(), Mode::Secret),
                ("client.pem", client.cert_pem().as_bytes(), Mode::Public),
                (
                    "client.p12",
                    &self.client_p12(DEFAULT_PASSWORD)?,
                    Mode::Secret,
                ),
                (
                    "client-legacy.p12",
                    &self.client_p12_legacy(DEFAULT_PASSWORD)?,
                    Mode::Secret,
                ),
                ("client-nopassword.p12", &self.client_p12("")?, Mode::Secret),
            ],
        )
    }
}

/// Reads `ca.pem`, `server.pem` and `server.key` from `dir`.
pub fn load(dir: &Path) -> Result<ServerPki, PkiError> {
    let ca_path = dir.join("ca.pem");
    let chain_path = dir.join("server.pem");
    let key_path = dir.join("server.key");
    certificates(&ca_path)?;
    certificates(&chain_path)?;
    let key_pem = read(&key_path)?;
    PrivateKeyDer::from_pem_slice(&key_pem).map_err(|e| PkiError::Content {
        path: key_path,
        expected: "a private key in PEM form",
        reason: e.to_string(),
    })?;
    Ok(ServerPki {
        ca_pem: read(&ca_path)?,
        chain_pem: read(&chain_path)?,
        key_pem,
    })
}

/// As [`load`], with a faulty server certificate made with the CA in `dir`.
pub fn load_faulty(dir: &Path, fault: ServerFault) -> Result<ServerPki, PkiError> {
    let (issuer, _) = issuer(dir)?;
    let server = issue(&issuer, server_params(Some(fault), Vec::new()), "server")?;
    Ok(ServerPki {
        ca_pem: read(&dir.join("ca.pem"))?,
        chain_pem: server.cert_pem().into(),
        key_pem: server.key_pem().into(),
    })
}

/// Creates another client certificate with the CA in `dir` and writes `client-NAME.p12`,
/// `.pem` and `.key`. For `name` see [`Pki::issue_client`].
pub fn issue_client(dir: &Path, name: &str) -> Result<ClientFiles, PkiError> {
    let params = client_params(name)?;
    let (issuer, ca_der) = issuer(dir)?;
    let client: IssuedIdentity = issue(&issuer, params, "client")?;
    let p12 = archive(&client, &ca_der, DEFAULT_PASSWORD, Pkcs12Encryption::Aes256)?;
    let file = |extension: &str| format!("client-{name}.{extension}");
    let (p12_name, cert_name, key_name) = (file("p12"), file("pem"), file("key"));
    write_all(
        dir,
        &[
            (&key_name, client.key_pem().as_bytes(), Mode::Secret),
            (&cert_name, client.cert_pem().as_bytes(), Mode::Public),
            (&p12_name, &p12, Mode::Secret),
        ],
    )?;
    Ok(ClientFiles {
        p12: dir.join(p12_name),
        cert: dir.join(cert_name),
        key: dir.join(key_name),
    })
}

/// Returns the CA of `dir` for signing, and its certificate as DER.
pub(super) fn issuer(dir: &Path) -> Result<(Issuer<'static, KeyPair>, Vec<u8>), PkiError> {
    let key_path = dir.join("ca.key");
    let key_pem = read_text(&key_path)?;
    let key = KeyPair::from_pem(&key_pem).map_err(|e| PkiError::Content {
        path: key_path,
        expected: "the CA's private key (PKCS#8 in PEM form)",
        reason: e.to_string(),
    })?;
    let ca_path = dir.join("ca.pem");
    let ca_der = certificates(&ca_path)?.swap_remove(0);
    let issuer =
        Issuer::from_ca_cert_der(&CertificateDer::from(ca_der.as_slice()), key).map_err(|e| {
            PkiError::Content {
                path: ca_path,
                expected: "a CA certificate",
                reason: e.to_string(),
            }
        })?;
    Ok((issuer, ca_der))
}

/// The permissions of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Only the owner: the file has a private key.
    Secret,
    /// Everybody.
    Public,
}

/// Writes new files into `dir`, which is created if needed. If one of them exists, nothing
/// is written.
pub fn write_all(dir: &Path, files: &[(&str, &[u8], Mode)]) -> Result<(), PkiError> {
    fs::create_dir_all(dir).map_err(|source| PkiError::Io {
        action: "create",
        path: dir.to_owned(),
        source,
    })?;
    // Checks first, so that an error leaves the directory unchanged.
    for (name, ..) in files {
        let path = dir.join(name);
        if path.symlink_metadata().is_ok() {
            return Err(PkiError::Exists { path });
        }
    }
    for (name, bytes, mode) in files {
        write_new(dir.join(name), bytes, *mode)?;
    }
    Ok(())
}

fn write_new(path: PathBuf, bytes: &[u8], mode: Mode) -> Result<(), PkiError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(match mode {
            Mode::Secret => 0o600,
            Mode::Public => 0o644,
        });
    }
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = match options.open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::AlreadyExists => return Err(PkiError::Exists { path }),
        Err(source) => {
            return Err(PkiError::Io {
                action: "create",
                path,
                source,
            });
        }
    };
    file.write_all(bytes).map_err(|source| PkiError::Io {
        action: "write",
        path,
        source,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, PkiError> {
    regular(path)
        .and_then(|()| fs::read(path))
        .map_err(|source| {
            let path = path.to_owned();
            match source.kind() {
                ErrorKind::NotFound => PkiError::Missing { path },
                _ => PkiError::Io {
                    action: "read",
                    path,
                    source,
                },
            }
        })
}

/// Refuses a file that is not regular or is too large: reading a pipe or a device may not
/// end.
fn regular(path: &Path) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    match metadata.is_file() && metadata.len() <= MOST_BYTES {
        true => Ok(()),
        false => Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it is not a regular file of 1 MiB or less",
        )),
    }
}

pub(super) fn read_text(path: &Path) -> Result<String, PkiError> {
    String::from_utf8(read(path)?).map_err(|_| PkiError::Content {
        path: path.to_owned(),
        expected: "PEM text",
        reason: "it is not text".to_owned(),
    })
}

/// Parses at least one certificate.
pub(super) fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, PkiError> {
    let bad = |reason: String| PkiError::Content {
        path: path.to_owned(),
        expected: "a certificate in PEM form",
        reason,
    };
    let pem = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem)
        .map(|cert| cert.map(|cert| cert.to_vec()))
        .collect();
    let found = found.map_err(|e| bad(e.to_string()))?;
    if found.is_empty() {
        return Err(bad("it contains no BEGIN CERTIFICATE line".to_owned()));
    }
    Ok(found)
}
