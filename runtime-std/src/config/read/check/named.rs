//! Looks at the files that the identity of a source names, and opens it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use estreamer_mio::tls::{self, CertificateFacts, Identity, IdentityError};
use rustix::fs::{Access, access};

use super::Found;
use super::user::user;
use crate::config::read::diagnostic::Diagnostic;
use crate::config::read::identities::Opened;
use crate::config::read::identity::{IdentityFiles, NamedFile, about, read};
use crate::config::read::raw::RawSource;
use crate::config::read::secret::Secret;
use crate::failure::Remedy;

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
        let files = source.identity.value.files();
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
    fn look(&mut self, line: usize, file: &NamedFile<'_>) {
        let path = self.base.join(file.path);
        let (key, shown) = (file.key, path.display());
        let metadata = match fs::metadata(&path) {
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
        if access(&path, Access::READ_OK).is_err() {
            let what = format!("{key}: {} may not read {shown}", user());
            let remedy = "Change owner or mode of the file, or check as the user of the service";
            return self.mistakes.push(Diagnostic::new(line, what, remedy));
        }
        self.secrecy(line, file);
    }

    /// Warns if others can read a secret.
    pub(super) fn secrecy(&mut self, line: usize, file: &NamedFile<'_>) {
        let path = self.base.join(file.path);
        let (key, shown) = (file.key, path.display());
        let Ok(metadata) = fs::metadata(&path) else {
            return;
        };
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
    fn pem(&mut self, source: &RawSource, files: &[NamedFile<'_>], told: Option<&str>) {
        for file in files
            .iter()
            .filter(|file| file.is_pem && told != Some(file.key))
        {
            let path = self.base.join(file.path);
            let Ok(bytes) = read(&path) else {
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
                let failure = about(&path, &error);
                self.mistakes.push(Diagnostic { line, failure });
            }
        }
    }
}
