//! `estreamer identity`: shows the content of a key file.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use estreamer_mio::tls::{self, CertificateFacts, IdentityError};
use serde_json::json;

use super::Failure;
use super::password::PasswordArgs;
use estreamer::config::read::identity::read;
use estreamer::config::read::secret::unlock;
use estreamer::shared::certificate;
use estreamer_simulate::pki::{Mode, write_all};
use tracing::info;

/// Show the content of a PKCS#12 or PEM file, and whether it is a usable identity.
#[derive(Args)]
#[command(
    after_help = "Example:\n  estreamer identity client.p12 --password-file client.pass\n\n\
                  A PKCS#12 file has to hold a key, its certificate and a CA; a PEM file may hold \
                  a part of that.\n\nExit status: 0 the file is sound · 1 it is not, or cannot be \
                  read · 2 wrong usage"
)]
pub(super) struct IdentityCommand {
    /// The PKCS#12 or PEM file.
    file: PathBuf,
    #[command(flatten)]
    password: PasswordArgs,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
    /// Also write client.pem, client.key (mode 0600, not encrypted) and ca.pem into this
    /// directory. Existing files are not overwritten.
    #[arg(long, value_name = "DIR")]
    to_pem: Option<PathBuf>,
}

/// The content of a file.
struct Contents {
    form: &'static str,
    certificates: Vec<CertificateFacts>,
    identity: Result<tls::Identity, IdentityError>,
}

impl IdentityCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let contents = self.open()?;
        let problem = contents.problem();
        let document = match self.json {
            true => contents.json(&self.file, problem.as_ref()),
            false => contents.text(&self.file),
        };
        print(&document)?;
        let fail = |error| Failure::failed(format!("{}: {error}", self.file.display()), "");
        if let Some(error) = problem {
            return Err(fail(error));
        }
        match (&self.to_pem, contents.identity) {
            (None, _) => Ok(()),
            (Some(_), Err(error)) => Err(fail(error)),
            (Some(_), Ok(identity)) if identity.authorities().is_empty() => {
                Err(fail(IdentityError::NoCa))
            }
            (Some(directory), Ok(identity)) => to_pem(&identity, directory),
        }
    }

    fn open(&self) -> Result<Contents, Failure> {
        let bytes = read(&self.file)?;
        if tls::is_pem(&bytes) {
            let certificates = tls::inspect(&bytes, None).map_err(|error| {
                Failure::failed(format!("{}: {error}", self.file.display()), "")
            })?;
            return Ok(Contents {
                form: "PEM",
                certificates,
                identity: tls::Identity::from_pem(&bytes, &bytes, &[]),
            });
        }
        let given = self.password.secret().map(|secret| secret.read());
        unlock(&self.file, given.transpose()?, |password| {
            Ok(Contents {
                form: "PKCS#12",
                certificates: tls::inspect(&bytes, password)?,
                identity: tls::Identity::from_pkcs12(&bytes, password),
            })
        })
    }
}

impl Contents {
    /// Returns why the file is not usable.
    fn problem(&self) -> Option<IdentityError> {
        let pem = self.form == "PEM";
        match &self.identity {
            Ok(identity) => {
                (!pem && identity.authorities().is_empty()).then_some(IdentityError::NoCa)
            }
            // A PEM file may have only certificates or only a key.
            Err(IdentityError::NoKey) if pem && !self.certificates.is_empty() => None,
            Err(IdentityError::NoCertificate) if pem => None,
            Err(error) => Some(error.clone()),
        }
    }

    /// Returns whether there is a private key, if known.
    fn key(&self) -> &'static str {
        match &self.identity {
            Ok(_) => "a private key that fits",
            Err(IdentityError::NoKey) => "no private key",
            Err(IdentityError::EncryptedPemKey) => "an encrypted private key",
            Err(IdentityError::KeyMismatch { .. }) => "a private key that fits none of them",
            Err(IdentityError::NoCertificate) => "a private key",
            Err(_) => "a private key that cannot be used",
        }
    }

    fn text(&self, file: &Path) -> String {
        let count = match self.certificates.len() {
            0 => "no certificate".to_owned(),
            1 => "1 certificate".to_owned(),
            count => format!("{count} certificates"),
        };
        let mut text = format!(
            "{}: {}, {count}, {}\n",
            file.display(),
            self.form,
            self.key()
        );
        for (index, facts) in self.certificates.iter().enumerate() {
            let own = match facts.key_matches {
                Some(true) => ", of the private key",
                _ => "",
            };
            let role = certificate::role(facts);
            text += &format!("{} {role}{own}\n", index + 1);
            text += &certificate::text(facts, certificate::now());
        }
        text
    }

    fn json(&self, file: &Path, problem: Option<&IdentityError>) -> String {
        let certificates: Vec<_> = self
            .certificates
            .iter()
            .map(|facts| certificate::json(facts, certificate::now()))
            .collect();
        let document = json!({
            "file": file.display().to_string(),
            "form": self.form,
            "key": self.key(),
            "certificates": certificates,
            "problem": problem.map(ToString::to_string),
        });
        format!("{document:#}\n")
    }
}

fn to_pem(identity: &tls::Identity, directory: &Path) -> Result<(), Failure> {
    write_all(
        directory,
        &[
            (
                "client.key",
                identity.private_key_pem().as_bytes(),
                Mode::Secret,
            ),
            (
                "client.pem",
                identity.certificate_pem().as_bytes(),
                Mode::Public,
            ),
            ("ca.pem", identity.authority_pem().as_bytes(), Mode::Public),
        ],
    )
    .map_err(|error| Failure::failed(error, ""))?;
    info!(
        "wrote client.pem, client.key and ca.pem into {}; the key is not encrypted",
        directory.display()
    );
    Ok(())
}

/// Prints a document to standard output. A closed pipe is not an error.
pub(super) fn print(document: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(document.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::failed(
            format!("cannot write to standard output: {error}"),
            "Check where it is redirected to",
        )),
        _ => Ok(()),
    }
}
