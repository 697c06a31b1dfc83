//! The password of a key file. Configuration and arguments hold only its place. It is
//! never printed, and wiped when dropped.

use std::env;
use std::io::{self, IsTerminal};
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use estreamer_mio::tls::IdentityError;
use zeroize::Zeroizing;

use crate::failure::{Failure, Remedy};
use crate::input;
use crate::sync::lock;

/// The place of a password.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Secret {
    /// A file that contains the password.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// An open file descriptor.
    Descriptor(u32),
    /// A systemd credential (`LoadCredential=` in the unit).
    Credential(String),
}

/// The maximum length of a password in bytes.
const LIMIT: usize = 4096;

impl Secret {
    /// Returns the file that holds it, if it is in one.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            _ => None,
        }
    }

    /// Reads the password. It is wiped when dropped.
    ///
    /// # Errors
    /// The problem with the place. The password is never shown.
    pub fn read(&self) -> Result<Zeroizing<String>, Failure> {
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

    /// Resolves a relative path against `base`.
    #[must_use]
    pub fn under(self, base: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(base.join(path)),
            other => other,
        }
    }
}

/// Opens the key file `path` by calling `open` with a password: the one given, otherwise
/// none, otherwise one that the user types.
///
/// # Errors
/// The file and the error of `open`.
pub fn unlock<T>(
    path: &Path,
    given: Option<Zeroizing<String>>,
    open: impl Fn(Option<&str>) -> Result<T, IdentityError>,
) -> Result<T, Failure> {
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

fn from_environment(name: &str) -> Result<Zeroizing<String>, Failure> {
    match env::var(name) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(env::VarError::NotPresent) => Err(Failure::failed(
            format!("the environment variable {name} with the password is not set"),
            "Set it for this process, or use another",
        )),
        // The error of the system contains the value.
        Err(env::VarError::NotUnicode(_)) => {
            Err(not_text(&format!("the environment variable {name}")))
        }
    }
}

/// Reads a systemd credential: a file in the directory `CREDENTIALS_DIRECTORY`
/// (`LoadCredential=` in the unit).
fn from_credential(name: &str) -> Result<Zeroizing<String>, Failure> {
    let mut parts = Path::new(name).components();
    if !matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    ) {
        return Err(Failure::usage(
            format!("{name:?} is not a valid name of a credential"),
            "Use the name from LoadCredential= in the unit, without a path",
        ));
    }
    let Some(directory) = env::var_os("CREDENTIALS_DIRECTORY") else {
        return Err(Failure::failed(
            format!("cannot find the credential {name}: CREDENTIALS_DIRECTORY is not set"),
            "Start as a systemd service with LoadCredential=, or put the password into a file",
        ));
    };
    let path = Path::new(&directory).join(name);
    from_file(&path, &format!("the credential {name}"))
}

/// Reads a password from a file, a pipe or a descriptor. `place` names it in errors.
fn from_file(path: &Path, place: &str) -> Result<Zeroizing<String>, Failure> {
    let bytes = input::read(path, LIMIT).map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::FileTooLarge => "Check that it is the password file",
            _ => "Check that it exists and that this user may read it",
        };
        let what = format!("cannot read the password from {place}: {error}");
        Failure::failed(what, remedy)
    })?;
    let text = std::str::from_utf8(&bytes).map_err(|_| not_text(place))?;
    // An editor may add a byte-order mark and a line end. Neither is part of the
    // password.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok(Zeroizing::new(line.to_owned()))
}

/// Whether nobody may be asked any more.
static ASKS_NOBODY: AtomicBool = AtomicBool::new(false);

/// Asks nobody from now on: a question would stop the collection that runs.
pub fn ask_no_more() {
    ASKS_NOBODY.store(true, Ordering::Relaxed);
}

/// Returns whether a user can be asked. If either end is redirected, a prompt would
/// block a script.
fn can_ask() -> bool {
    !ASKS_NOBODY.load(Ordering::Relaxed) && io::stdin().is_terminal() && io::stderr().is_terminal()
}

fn ask(path: &Path) -> Result<Zeroizing<String>, Failure> {
    // Several files may be opened at once.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = lock(&TURN);
    rpassword::prompt_password(format!("Password of {}: ", path.display()))
        .map(Zeroizing::new)
        .map_err(|error| {
            Failure::failed(
                format!("cannot ask for the password of {}: {error}", path.display()),
                "Put it into a file, and give the path of the file",
            )
        })
}

fn not_text(place: &str) -> Failure {
    Failure::failed(
        format!("the password in {place} is not UTF-8"),
        "Save it as UTF-8 text",
    )
}
