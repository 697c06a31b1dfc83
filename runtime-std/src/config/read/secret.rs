//! The password of a key file: where it comes from. It is never an argument or
//! a value itself, never printed, and wiped when dropped.

use std::env;
use std::io::{self, IsTerminal};
use std::path::{Component, Path, PathBuf};

use estreamer_mio::tls::IdentityError;
use zeroize::Zeroizing;

use crate::failure::{Failure, Remedy};
use crate::input;

/// The place of a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// A file that holds it.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// An open file descriptor.
    Descriptor(u32),
    /// A systemd credential (`LoadCredential=` in the unit).
    Credential(String),
}

/// It is wiped when dropped.
pub type Password = Zeroizing<String>;

/// Bytes a password may have; a larger file is the wrong one.
const LIMIT: usize = 4096;

impl Secret {
    /// Reads the password.
    ///
    /// # Errors
    /// What is wrong with its place; never the password.
    pub fn read(&self) -> Result<Password, Failure> {
        match self {
            Self::File(path) => from_file(path, &path.display().to_string()),
            Self::Env(name) => from_environment(name),
            Self::Descriptor(number) => {
                let path = format!("/dev/fd/{number}");
                from_file(Path::new(&path), &format!("file descriptor {number}"))
            }
            Self::Credential(name) => from_credential(name),
        }
    }

    /// The same, with a relative path taken from `base`.
    #[must_use]
    pub fn under(self, base: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(base.join(path)),
            other => other,
        }
    }
}

/// Opens `path` by `open` with the password it takes: the one from the place
/// named, else none, else what a person types.
///
/// # Errors
/// The file, and what `open` says about it.
pub fn unlock<T>(
    path: &Path,
    secret: Option<&Secret>,
    open: impl Fn(Option<&str>) -> Result<T, IdentityError>,
) -> Result<T, Failure> {
    let given = secret.map(Secret::read).transpose()?;
    let opened = match open(given.as_ref().map(|text| text.as_str())) {
        Err(IdentityError::PasswordNeeded) if given.is_none() && can_ask() => {
            open(Some(&ask(path)?))
        }
        other => other,
    };
    opened.map_err(|error| {
        let remedy = match error {
            IdentityError::PasswordNeeded => Remedy::NamePassword,
            _ => Remedy::None,
        };
        Failure::failed(format!("{}: {error}", path.display()), remedy)
    })
}

fn from_environment(name: &str) -> Result<Password, Failure> {
    match env::var(name) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(env::VarError::NotPresent) => Err(Failure::failed(
            format!("there is no environment variable {name} with the password"),
            "Set it for this process, or name another",
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
            "Start this as a systemd service with LoadCredential=, or put the password into a file",
        ));
    };
    let path = Path::new(&directory).join(name);
    from_file(&path, &format!("the credential {name}"))
}

/// Reads a password from a file, a pipe or a descriptor; `place` names it.
fn from_file(path: &Path, place: &str) -> Result<Password, Failure> {
    let bytes = input::read(path, LIMIT).map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::FileTooLarge => "Check that it is the right one",
            _ => "Check that it is there and that this user may read it",
        };
        let what = format!("cannot read the password from {place}: {error}");
        Failure::failed(what, remedy)
    })?;
    let text = std::str::from_utf8(&bytes).map_err(|_| not_text(place))?;
    // Editors begin a file with a mark and end it with a line end; neither is part
    // of the password.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
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
                "Put it into a file and name that",
            )
        })
}

fn not_text(place: &str) -> Failure {
    Failure::failed(
        format!("the password in {place} is not UTF-8"),
        "Save it anew as plain text",
    )
}
