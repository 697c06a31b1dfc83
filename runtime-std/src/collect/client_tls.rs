//! The TLS configuration of a source.

use estreamer_mio::tls::ClientTls;

use crate::config::SourceConfig;
use crate::explain::identity_remedy;
use crate::failure::Failure;

/// Returns the TLS configuration of a source.
pub(super) fn tls(source: &SourceConfig) -> Result<ClientTls, Failure> {
    ClientTls::new(&source.identity, source.rules.clone()).map_err(|error| {
        let remedy = identity_remedy(&error);
        Failure::failed(format!("{}: {error}", source.name), remedy)
    })
}
