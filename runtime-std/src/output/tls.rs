//! TLS to receivers: whom to trust, which certificate to show, and what an error means.

use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, Error, RootCertStore,
};

use crate::output::options::{ClientCertificate, TlsOptions};

/// Makes TLS connections to one receiver.
pub struct TlsConnector {
    config: Arc<ClientConfig>,
    /// The name that the certificate must have, if it is not the host of the address.
    server_name: Option<ServerName<'static>>,
}

impl TlsConnector {
    /// Reads the certificates and the key of the options.
    ///
    /// # Errors
    /// What is wrong with them, and what to do.
    pub fn new(options: &TlsOptions) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = Arc::new(roots(options)?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
            .build()
            .map_err(|error| format!("the CA certificates cannot be used: {error}"))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_webpki_verifier(verifier);
        let config = match &options.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let chain = certificates(identity)?;
                let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())
                    .map_err(|error| format!("the key of the client certificate: {error}"))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| format!("the client certificate cannot be used: {error}"))?
            }
        };
        let server_name = options
            .server_name
            .as_deref()
            .map(server_name)
            .transpose()?;
        Ok(Self {
            config: Arc::new(config),
            server_name,
        })
    }

    /// Begins a session with the receiver at `HOST:PORT`.
    ///
    /// # Errors
    /// The host is not a name that a certificate can have.
    pub(super) fn connection(&self, address: &str) -> io::Result<ClientConnection> {
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => server_name(host(address)).map_err(io::Error::other)?,
        };
        ClientConnection::new(self.config.clone(), name).map_err(|e| explain(&e, address))
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, String> {
    let name = name.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(name.to_owned()).map_err(|_| {
        format!("{name:?} is not a host name or address; set server_name in tls to one")
    })
}

/// Returns the host of `HOST:PORT`.
fn host(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

/// Returns a client certificate with its chain.
///
/// # Errors
/// It is not PEM.
pub fn certificates(of: &ClientCertificate) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(of.certificates.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("the client certificate: {error}"))
}

/// Returns the CA certificates of the options, otherwise those of the system.
///
/// # Errors
/// There is none.
pub fn authorities(options: &TlsOptions) -> Result<Vec<CertificateDer<'static>>, String> {
    if options.ca.is_empty() {
        let system = rustls_native_certs::load_native_certs().certs;
        return match system.is_empty() {
            true => Err(
                "this system has no CA certificates (on Debian: the package ca-certificates); \
                 install them, or name the CA of the receiver by ca in tls"
                    .into(),
            ),
            false => Ok(system),
        };
    }
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&options.ca).collect();
    let found = found.map_err(|error| format!("the CA: {error}"))?;
    match found.is_empty() {
        true => Err("the CA file has no certificate in PEM; set ca to a PEM file".into()),
        false => Ok(found),
    }
}

fn roots(options: &TlsOptions) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let authorities = authorities(options)?;
    if options.ca.is_empty() {
        roots.add_parsable_certificates(authorities);
        return Ok(roots);
    }
    for certificate in authorities {
        roots
            .add(certificate)
            .map_err(|error| format!("the CA: {error}"))?;
    }
    Ok(roots)
}

/// Says what an error of TLS means and what to do.
pub fn explain(error: &Error, address: &str) -> io::Error {
    let whose = format!("the certificate of {address}");
    let text = match error {
        Error::InvalidCertificate(refused) => match refused {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => format!(
                "{whose} has expired{}; renew it there, or correct the clock of this machine",
                at(refused)
            ),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => format!(
                "{whose} is not valid yet{}; correct the clocks of both machines",
                at(refused)
            ),
            CertificateError::NotValidForName => {
                format!("{whose} has another name; set server_name in tls to its name")
            }
            CertificateError::NotValidForNameContext {
                expected,
                presented,
            } => {
                let names = match presented.is_empty() {
                    true => "no name".into(),
                    false => presented.join(" and "),
                };
                format!(
                    "{whose} is for {names}, not for {}; set server_name in tls to a name that it \
                     has",
                    expected.to_str()
                )
            }
            // Another CA of the same name makes a bad signature.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                format!("{whose} is signed by a CA that is not trusted; name its CA by ca in tls")
            }
            CertificateError::Revoked => format!("{whose} is revoked; renew it there"),
            other => format!("{whose} is refused: {other}"),
        },
        Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired => {
                format!("{address} wants a client certificate; set cert and key, or pkcs12, in tls")
            }
            AlertDescription::CertificateExpired => {
                format!("{address} says that our client certificate has expired; renew it")
            }
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied => format!(
                "{address} refuses our client certificate ({alert:?}); set cert and key in tls to \
                 one that it trusts"
            ),
            other => format!(
                "{address} ended TLS with the alert {other:?}; if it wants a client certificate, \
                 set cert and key in tls"
            ),
        },
        Error::InvalidMessage(_) => {
            format!("{address} does not speak TLS on this port; check the port")
        }
        other => format!("TLS with {address} failed: {other}"),
    };
    io::Error::other(text)
}

/// Returns the date of an expiry, if it is known.
fn at(error: &CertificateError) -> String {
    let seconds = match error {
        CertificateError::ExpiredContext { not_after, .. } => not_after.as_secs(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            let date = date(not_before.as_secs());
            return format!(" (from {date} on)");
        }
        _ => return String::new(),
    };
    format!(" (on {})", date(seconds))
}

fn date(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    time::OffsetDateTime::from_unix_timestamp(seconds)
        .map_or_else(|_| seconds.to_string(), |time| time.date().to_string())
}
