//! Where a key file's password comes from: the arguments.

use std::path::PathBuf;

use clap::Args;

use estreamer::config::read::secret::Secret;

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

impl PasswordArgs {
    /// The place that was named.
    pub(super) fn secret(&self) -> Option<Secret> {
        let file = self.password_file.clone().map(Secret::File);
        file.or_else(|| self.password_env.clone().map(Secret::Env))
            .or_else(|| self.password_fd.map(Secret::Descriptor))
            .or_else(|| self.password_credential.clone().map(Secret::Credential))
    }
}
