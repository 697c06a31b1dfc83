//! The identity of a client, as the program gave it.

use std::path::PathBuf;
use std::sync::Arc;

use estreamer_mio::tls::{ClientTls, Identity, ServerRules};
use zeroize::Zeroizing;

use super::{Error, ErrorKind};
use crate::input;

/// Where the identity comes from.
pub(super) enum IdentitySource {
    /// A PKCS#12 file and its password.
    Pkcs12(PathBuf, Zeroizing<String>),
    Read(Arc<Identity>),
}

/// Reads the identity, and returns what connections need of it.
pub(super) fn tls(source: Option<&IdentitySource>, rules: ServerRules) -> Result<ClientTls, Error> {
    let identity = match source {
        Some(IdentitySource::Read(identity)) => identity,
        Some(IdentitySource::Pkcs12(file, password)) => {
            let bytes = input::read(file, input::IDENTITY).map_err(|error| {
                let what = format!("cannot read {}: {error}", file.display());
                let remedy = "Check the path and its permissions";
                Error::new(ErrorKind::Identity, what, remedy).because(error)
            })?;
            &Identity::from_pkcs12(&bytes, Some(password)).map_err(|error| {
                let what = format!("{}: {error}", file.display());
                Error::new(ErrorKind::Identity, what, "").because(error)
            })?
        }
        None => {
            let what = "no identity is configured";
            let remedy = "Set the PKCS#12 file of this client";
            return Err(Error::new(ErrorKind::Identity, what, remedy));
        }
    };
    ClientTls::new(identity, rules)
        .map_err(|error| Error::new(ErrorKind::Identity, &error, "").because(error))
}
