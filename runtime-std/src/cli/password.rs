//! The password of a key file: where it comes from. It is never an argument
//! itself, never printed, and wiped when dropped.

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Component, Path, PathBuf};

use clap::Args;
use estreamer_mio::tls::IdentityError;
use zeroize::Zeroizing;

use super::Failure;

/// Where a password is to be read from; at most one place.
#[derive(Args, Default)]
#[group(id = "password", multiple = false)]
pub(super) struct PasswordArgs {
    /// A file that holds the password; without any of these it is asked for on
    /// the terminal, if the file needs one.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// An environment variable that holds it.
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
    /// An open file descriptor to read it from.
    #[arg(long, value_name = "N")]
    password_fd: Option<u32>,
    /// A systemd credential that holds it.
    #[arg(long, value_name = "NAME")]
    password_credential: Option<String>,
}

type Password = Zeroizing<String>;

/// Bytes a password may have; a larger file is the wrong one.
const LIMIT: usize = 4096;

impl PasswordArgs {
    /// Opens `path` by `open` with the password it takes: the one named, else
    /// none, else what a person types.
    pub(super) fn unlock<T>(
        &self,
        path: &Path,
        open: impl Fn(Option<&str>) -> Result<T, IdentityError>,
    ) -> Result<T, Failure> {
        let given = self.given()?;
        let opened = match open(given.as_ref().map(|text| text.as_str())) {
            Err(IdentityError::PasswordNeeded) if given.is_none() && can_ask() => {
                open(Some(&ask(path)?))
            }
            other => other,
        };
        opened.map_err(|error| {
            let remedy = match error {
                IdentityError::PasswordNeeded => {
                    "Name its place with --password-file, --password-env, --password-fd or \
                     --password-credential"
                }
                _ => "",
            };
            Failure::failed(format!("{}: {error}", path.display()), remedy)
        })
    }

    /// The password from the place that was named.
    fn given(&self) -> Result<Option<Password>, Failure> {
        if let Some(path) = &self.password_file {
            return from_file(path, &path.display().to_string()).map(Some);
        }
        if let Some(name) = &self.password_env {
            return from_environment(name).map(Some);
        }
        if let Some(number) = self.password_fd {
            let path = format!("/dev/fd/{number}");
            return from_file(Path::new(&path), &format!("file descriptor {number}")).map(Some);
        }
        if let Some(name) = &self.password_credential {
            return from_credential(name).map(Some);
        }
        Ok(None)
    }
}

fn from_environment(name: &str) -> Result<Password, Failure> {
    match env::var(name) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(env::VarError::NotPresent) => Err(Failure::failed(
            format!("there is no environment variable {name} with the password"),
            "Set it for this process, or correct --password-env",
        )),
        // The system's error would repeat the value.
        Err(env::VarError::NotUnicode(_)) => {
            Err(not_text(&format!("the environment variable {name}")))
        }
    }
}

/// systemd puts credentials as files into a directory of their own
/// (`LoadCredential=` in the unit).
fn from_credential(name: &str) -> Result<Password, Failure> {
    let mut parts = Path::new(name).components();
    if !matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    ) {
        return Err(Failure::usage(
            format!("{name:?} is no name of a credential"),
            "Use the name in the unit's LoadCredential=, without a path",
        ));
    }
    let Some(directory) = env::var_os("CREDENTIALS_DIRECTORY") else {
        return Err(Failure::failed(
            format!("there is no credential {name}: CREDENTIALS_DIRECTORY is not set"),
            "Start this as a systemd service with LoadCredential=, or use --password-file",
        ));
    };
    let path = Path::new(&directory).join(name);
    from_file(&path, &format!("the credential {name}"))
}

/// Reads a password from a file, a pipe or a descriptor; `place` names it.
fn from_file(path: &Path, place: &str) -> Result<Password, Failure> {
    // Of full size from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LIMIT + 1));
    File::open(path)
        .and_then(|file| file.take(LIMIT as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            Failure::failed(
                format!("cannot read the password from {place}: {error}"),
                "Check that it is there and that this user may read it",
            )
        })?;
    if bytes.len() > LIMIT {
        return Err(Failure::failed(
            format!("{place} is larger than a password can be"),
            "Check that it is the right one",
        ));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| not_text(place))?;
    // Editors end a file with a line end; it is no part of the password.
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok(Zeroizing::new(line.to_owned()))
}

/// Whether a person sits there. With either end redirected it is a script,
/// which a question would hang.
fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

fn ask(path: &Path) -> Result<Password, Failure> {
    rpassword::prompt_password(format!("Password of {}: ", path.display()))
        .map(Zeroizing::new)
        .map_err(|error| {
            Failure::failed(
                format!("cannot ask for the password of {}: {error}", path.display()),
                "Put it into a file and name that with --password-file",
            )
        })
}

fn not_text(place: &str) -> Failure {
    Failure::failed(
        format!("the password in {place} is not UTF-8"),
        "Save it anew as plain text",
    )
}
