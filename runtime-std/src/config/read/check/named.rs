//! Looks at the files that the identity of a source names, and opens it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use estreamer_mio::tls::{self, CertificateFacts, Identity, IdentityError};
use rustix::fs::{Access, access};

use super::Found;
use super::user::user;
use crate::config::read::diagnostic::Diagnostic;
use crate::config::read::identities::Opened;
use crate::config::read::identity::{IdentityFiles, about, read};
use crate::config::read::raw::RawSource;
use crate::config::read::secret::Secret;
use crate::failure::Remedy;

/// A file that an identity names.
struct NamedFile {
    key: &'static str,
    path: PathBuf,
    /// Whether only its owner should read it.
    is_secret: bool,
    /// Whether it holds certificates as PEM.
    is_pem: bool,
}

impl Found<'_> {
    /// Reports every problem with the files of the identity of a source, which was `opened`.
    /// Returns `None` if it cannot be used.
    ///
    /// # Errors
    /// The name of the credential that only the service has.
    pub(super) fn identity(
        &mut self,
        source: &RawSource,
        opened: Opened,
    ) -> Result<Option<Arc<Identity>>, String> {
        let files = files(&source.identity.value, self.base);
        let before = self.mistakes.len();
        for file in &files {
            let line = source.lines.of(file.key, source.identity.line);
            self.look(line, file);
        }
        if let IdentityFiles::Pkcs12 {
            password: Some(Secret::Credential(name)),
            ..
        } = &source.identity.value
            && !self.in_service
            && std::env::var_os("CREDENTIALS_DIRECTORY").is_none()
        {
            let line = source.lines.of("password", source.identity.line);
            let what = format!(
                "password: the credential {name:?} is set by the service only, so the identity of \
                 {} was not opened",
                source.name.value
            );
            let remedy = "Start the service to test it";
            self.warnings.push(Diagnostic::new(line, what, remedy));
            return Err(name.clone());
        }
        // A file that cannot be read was reported.
        if self.mistakes.len() > before {
            self.pem(source, &files, None);
            return Ok(None);
        }
        match opened {
            Ok(identity) if identity.authorities().is_empty() && !source.rules.insecure => {
                let error = IdentityError::NoCa;
                let what = format!("the identity of {}: {error}", source.name.value);
                let line = source.identity.line;
                self.mistakes
                    .push(Diagnostic::new(line, what, Remedy::NameCa));
                Ok(Some(identity))
            }
            Ok(identity) => Ok(Some(identity)),
            Err((key, failure)) => {
                let line = source.lines.of(key, source.identity.line);
                self.mistakes.push(Diagnostic { line, failure });
                self.pem(source, &files, Some(key));
                Ok(None)
            }
        }
    }

    /// Reports whether a file can be read, and whether others can read a secret.
    fn look(&mut self, line: usize, file: &NamedFile) {
        let (key, shown) = (file.key, file.path.display());
        let metadata = match fs::metadata(&file.path) {
            Ok(metadata) => metadata,
            Err(error) => {
                let (what, remedy) = match error.kind() {
                    io::ErrorKind::PermissionDenied => (
                        format!("{key}: {} may not enter the directory of {shown}", user()),
                        "Change owner or mode of the directories above it, or check as the user \
                         of the service",
                    ),
                    _ => (
                        format!("{key}: cannot read {shown}: {error}"),
                        "Check the path: a relative one starts at the directory of the \
                         configuration",
                    ),
                };
                return self.mistakes.push(Diagnostic::new(line, what, remedy));
            }
        };
        if metadata.is_dir() {
            let what = format!("{key}: {shown} is a directory");
            return self
                .mistakes
                .push(Diagnostic::new(line, what, "Name a file in it"));
        }
        if access(&file.path, Access::READ_OK).is_err() {
            let what = format!("{key}: {} may not read {shown}", user());
            let remedy = "Change owner or mode of the file, or check as the user of the service";
            return self.mistakes.push(Diagnostic::new(line, what, remedy));
        }
        let mode = metadata.permissions().mode() & 0o7777;
        if file.is_secret && metadata.is_file() && mode & 0o006 != 0 {
            let what =
                format!("{key}: every user of this machine can read {shown} (mode {mode:04o})");
            let remedy = format!("Take that permission away: chmod o-rwx {shown}");
            self.warnings.push(Diagnostic::new(line, what, remedy));
        }
    }

    /// Reports PEM files that cannot be read as certificates, except the one of the key
    /// `told`.
    fn pem(&mut self, source: &RawSource, files: &[NamedFile], told: Option<&str>) {
        for file in files
            .iter()
            .filter(|file| file.is_pem && told != Some(file.key))
        {
            let Ok(bytes) = read(&file.path) else {
                continue;
            };
            // Certificates are read before the key, which is not there.
            let error = match Identity::from_pem(&bytes, &[], &[]) {
                Ok(_) => None,
                // DER is read as well.
                Err(IdentityError::NoKey)
                    if tls::is_pem(&bytes) || CertificateFacts::from_der(&bytes).is_some() =>
                {
                    None
                }
                Err(IdentityError::NoKey) => Some(IdentityError::NoCertificate),
                Err(error) => Some(error),
            };
            if let Some(error) = error {
                let line = source.lines.of(file.key, source.identity.line);
                let failure = about(&file.path, &error);
                self.mistakes.push(Diagnostic { line, failure });
            }
        }
    }
}

/// Returns the files of an identity.
fn files(identity: &IdentityFiles, base: &Path) -> Vec<NamedFile> {
    let named = |key, path: &Path, is_secret, is_pem| NamedFile {
        key,
        path: base.join(path),
        is_secret,
        is_pem,
    };
    match identity {
        IdentityFiles::Pkcs12 { file, password, ca } => {
            let mut files = vec![named("pkcs12", file, true, false)];
            if let Some(Secret::File(path)) = password {
                files.push(named("password", path, true, false));
            }
            files.extend(ca.iter().map(|ca| named("ca", ca, false, true)));
            files
        }
        IdentityFiles::Pem { cert, key, ca } => vec![
            named("cert", cert, false, true),
            named("key", key, true, false),
            named("ca", ca, false, true),
        ],
    }
}
