//! One HTTP receiver: how requests get there, and what an answer is.

use std::io::{self, Write};
use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::Uri;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Proxy};

use crate::output::options::{HttpCompression, HttpOptions, ReceiverOptions};
use crate::output::tls;

/// Sends a body to a receiver and returns the answer, whatever its status.
pub(super) trait Post: Send {
    /// Sends a body to this path.
    ///
    /// # Errors
    /// There is no answer; with the cause.
    fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer>;
}

/// Sends requests to one receiver.
pub(super) struct HttpClient {
    agent: Agent,
    /// The URL without path, with the name that the certificate has.
    base: String,
    /// `HOST:PORT`, for messages.
    address: String,
    options: HttpOptions,
}

/// The answer to a request.
pub(super) struct Answer {
    pub(super) status: u16,
    /// How long to wait, from `Retry-After`.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// The timeout of connecting, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// The maximum time of a request until its answer is read.
const REQUEST: Duration = Duration::from_secs(30);
/// How long an idle connection is kept: servers close them after a few seconds.
const IDLE: Duration = Duration::from_secs(3);
/// The maximum size of an answer in bytes.
const MAX_ANSWER: u64 = 16 << 20;
/// The maximum time to wait that a receiver may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);
/// The maximum number of addresses of a name to try.
const MAX_ADDRESSES: usize = 16;
/// The maximum number of characters of an answer in a message.
const MAX_SHOWN: usize = 300;

/// Returns the proxy at a URL, which is not shown: it may have a password.
///
/// # Errors
/// It is not the URL of a proxy.
pub(crate) fn proxy(url: &str) -> Result<Proxy, &'static str> {
    Proxy::new(url).map_err(|_| "proxy is not the URL of a proxy")
}

impl HttpClient {
    /// Returns a client. `scheme` is http or https, `address` the host with a port if it is
    /// not the usual one.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub(super) fn new(
        scheme: &str,
        address: &str,
        options: &ReceiverOptions,
    ) -> Result<Self, String> {
        let http = options.http.clone();
        let proxy = match &http.proxy {
            Some(url) => Some(proxy(url.as_str())?),
            // The resolver below would not be asked.
            None if options.tls.server_name.is_some() => None,
            None => Proxy::try_from_env(),
        };
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .user_agent(concat!("estreamer/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(REQUEST))
            .max_idle_age(IDLE);
        if scheme == "https" {
            config = config.tls_config(tls_config(options)?);
        }
        let (resolver, base) = match &options.tls.server_name {
            Some(name) if scheme == "https" => {
                let port = port(address).unwrap_or(443);
                let target = match port_text(address) {
                    Some(_) => address.to_owned(),
                    None => format!("{address}:{port}"),
                };
                (Target(Some(target)), format!("{scheme}://{name}:{port}"))
            }
            _ => (Target(None), format!("{scheme}://{address}")),
        };
        let agent = Agent::with_parts(config.build(), DefaultConnector::default(), resolver);
        Ok(Self {
            agent,
            base,
            address: address.into(),
            options: http,
        })
    }

    fn explain(&self, error: ureq::Error) -> io::Error {
        match error {
            ureq::Error::Rustls(error) => tls::explain(&error, &self.address),
            ureq::Error::Io(error) => {
                let inner = error.get_ref().and_then(|e| e.downcast_ref());
                match inner {
                    Some(error) => tls::explain(error, &self.address),
                    None => error,
                }
            }
            ureq::Error::HostNotFound => {
                io::Error::new(io::ErrorKind::NotFound, "the name has no address")
            }
            ureq::Error::Timeout(_) => io::Error::new(
                io::ErrorKind::TimedOut,
                format!("{} did not answer in time", self.address),
            ),
            other => io::Error::other(other.to_string()),
        }
    }
}

impl Post for HttpClient {
    fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
        let url = format!("{}{path}", self.base);
        let mut request = self.agent.post(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(authorization) = &self.options.authorization {
            request = request.header("authorization", authorization.as_str());
        }
        for (name, value) in &self.options.headers {
            request = request.header(name, value.as_str());
        }
        let compressed;
        let body = match self.options.compress {
            None => body,
            Some(compression) => {
                compressed = compress(compression, body)?;
                request = request.header("content-encoding", compression.name());
                &compressed
            }
        };
        let mut answer = request.send(body).map_err(|error| self.explain(error))?;
        let retry_after = answer.headers().get("retry-after");
        let retry_after = retry_after.and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|text| text.trim().parse().ok());
        let retry_after = retry_after.map(|s| Duration::from_secs(s).min(MAX_RETRY_AFTER));
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MAX_ANSWER);
        let body = body.read_to_vec().map_err(|error| self.explain(error))?;
        Ok(Answer {
            status,
            retry_after,
            body,
        })
    }
}

impl Answer {
    /// Returns status and body in a few words.
    pub(super) fn shown(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let text: String = text
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .filter(|character| !character.is_control())
            .take(MAX_SHOWN)
            .collect();
        match text.is_empty() {
            true => format!("HTTP status {}", self.status),
            false => format!("HTTP status {}: {text}", self.status),
        }
    }
}

fn tls_config(options: &ReceiverOptions) -> Result<TlsConfig, String> {
    let authorities = tls::authorities(&options.tls)?;
    let roots: Vec<Certificate<'static>> = authorities
        .iter()
        .map(|der| Certificate::from_der(der).to_owned())
        .collect();
    let identity = match &options.tls.identity {
        None => None,
        Some(identity) => {
            let chain = tls::certificates(identity)?;
            let chain: Vec<Certificate<'static>> = chain
                .iter()
                .map(|der| Certificate::from_der(der).to_owned())
                .collect();
            let key = PrivateKey::from_pem(identity.key.as_bytes())
                .map_err(|error| format!("the key of the client certificate: {error}"))?;
            Some(ClientCert::new_with_certs(&chain, key))
        }
    };
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .client_cert(identity)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}

fn compress(compression: HttpCompression, body: &[u8]) -> io::Result<Vec<u8>> {
    match compression {
        HttpCompression::Gzip => {
            let level = flate2::Compression::fast();
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(body)?;
            encoder.finish()
        }
        HttpCompression::Zstd => zstd::bulk::compress(body, 1),
    }
}

fn port_text(address: &str) -> Option<&str> {
    let after = address.rsplit_once(']').map_or(address, |(_, after)| after);
    after.rsplit_once(':').map(|(_, port)| port)
}

fn port(address: &str) -> Option<u16> {
    port_text(address)?.parse().ok()
}

/// Resolves the host of a URL, or the configured address instead of it.
#[derive(Debug)]
struct Target(Option<String>);

impl Resolver for Target {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let Some(target) = &self.0 else {
            return DefaultResolver::default().resolve(uri, config, timeout);
        };
        let mut all = self.empty();
        for address in target.to_socket_addrs()?.take(MAX_ADDRESSES) {
            all.push(address);
        }
        match all.is_empty() {
            true => Err(ureq::Error::HostNotFound),
            false => Ok(all),
        }
    }
}
