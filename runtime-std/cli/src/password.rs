//! The password arguments.

use std::path::PathBuf;

use clap::Args;

use estreamer::config::read::secret::Secret;

/// The place of a password; at most one.
#[derive(Args, Default)]
#[group(id = "password", multiple = false)]
pub(super) struct PasswordArgs {
    /// A file with the password. Without any of these, it is read from the terminal if the
    /// file needs one.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// An environment variable with the password.
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
    /// An open file descriptor to read the password from.
    #[arg(long, value_name = "N")]
    password_fd: Option<u32>,
    /// A systemd credential with the password.
    #[arg(long, value_name = "NAME")]
    password_credential: Option<String>,
}

impl PasswordArgs {
    /// Returns the given place.
    pub(super) fn secret(&self) -> Option<Secret> {
        let file = self.password_file.clone().map(Secret::File);
        file.or_else(|| self.password_env.clone().map(Secret::Env))
            .or_else(|| self.password_fd.map(Secret::Descriptor))
            .or_else(|| self.password_credential.clone().map(Secret::Credential))
    }
}
