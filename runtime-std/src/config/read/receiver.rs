//! The settings of a receiver as written, and how the files that they name are read.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::at::At;
use super::diagnostic::Diagnostic;
use super::identity::{self, IdentityFiles, NamedFile};
use super::secret::Secret;
use crate::config::receiver::{
    ClientCertificate, HttpOptions, KafkaOptions, ReceiverOptions, SecretText, SyslogOptions,
    TlsOptions,
};
use crate::failure::Failure;
use crate::output::tls::TlsConnector;

/// The settings of a receiver as written.
#[derive(Debug, Clone, Default)]
pub struct RawReceiver {
    /// TLS.
    pub tls: Option<RawTls>,
    /// Syslog messages.
    pub syslog: SyslogOptions,
    /// HTTP requests, without headers, credentials and proxy.
    pub http: HttpOptions,
    /// The headers of HTTP requests.
    pub headers: Vec<(String, At<HeaderText>)>,
    /// The credentials of HTTP requests.
    pub credentials: Option<At<Credentials>>,
    /// The URL of a proxy.
    pub proxy: Option<At<HeaderText>>,
    /// Messages to Kafka, without the options of the client.
    pub kafka: KafkaOptions,
    /// The options of the client of Kafka.
    pub client_options: Vec<(String, At<HeaderText>)>,
}

/// A text, or the place of a secret one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderText {
    /// The text.
    Text(String),
    /// Its place.
    Secret(Secret),
}

/// How HTTP requests are authorised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A secret after a scheme, such as `Bearer`.
    Token(&'static str, Secret),
    /// A user and the place of the password.
    Basic(String, Secret),
}

/// The table `tls` as written.
#[derive(Debug, Clone)]
pub struct RawTls {
    /// The line on which it begins.
    pub line: usize,
    /// The CA of the receiver.
    pub ca: Option<PathBuf>,
    /// The client certificate.
    pub identity: Option<IdentityFiles>,
    /// The name that the receiver's certificate must have.
    pub server_name: Option<String>,
}

impl RawReceiver {
    /// Returns the files that it names, each with its line.
    pub(super) fn files(&self) -> Vec<(usize, NamedFile<'_>)> {
        let mut files = Vec::new();
        if let Some(tls) = &self.tls {
            let ca = tls.ca.iter().map(|ca| NamedFile::open("ca", "the CA", ca));
            let of_identity = tls.identity.iter().flat_map(IdentityFiles::files);
            files.extend(ca.chain(of_identity).map(|file| (tls.line, file)));
        }
        if let Some(At { line, value }) = &self.credentials {
            let (Credentials::Token(_, secret) | Credentials::Basic(_, secret)) = value;
            files.extend(
                secret
                    .file()
                    .map(|path| (*line, NamedFile::secret("credentials", "the secret", path))),
            );
        }
        let headers = self.headers.iter().map(|(_, text)| ("header", text));
        let options = self.client_options.iter().map(|(_, text)| ("option", text));
        let proxy = self.proxy.iter().map(|text| ("proxy", text));
        for (key, At { line, value }) in headers.chain(options).chain(proxy) {
            if let HeaderText::Secret(secret) = value {
                let named = |path| (*line, NamedFile::secret(key, "a secret", path));
                files.extend(secret.file().map(named));
            }
        }
        files
    }

    /// Reads the files. Relative paths start at `base`. `errors` is the file for
    /// refused events. Without `credentials`, those of a service that are not there are
    /// empty. Adds every problem to `problems`.
    pub fn load(
        self,
        base: &Path,
        errors: Option<PathBuf>,
        credentials: bool,
        problems: &mut Vec<Diagnostic>,
    ) -> ReceiverOptions {
        let mut found = |problem: Diagnostic| problems.push(problem);
        let tls = self.tls.and_then(|tls| {
            let line = tls.line;
            let loaded = tls.load(base, credentials);
            loaded
                .map_err(|failure| found(Diagnostic { line, failure }))
                .ok()
        });
        let tls = tls.unwrap_or_default();
        let mut http = self.http;
        http.errors = errors;
        for (name, text) in self.headers {
            if let Ok(text) = text.load(base, credentials).map_err(&mut found) {
                http.headers.push((name, text));
            }
        }
        http.proxy = self.proxy.and_then(|proxy| {
            let line = proxy.line;
            let proxy = proxy.load(base, credentials).map_err(&mut found).ok()?;
            let checked = checked_proxy(&proxy, &tls);
            checked
                .map_err(|failure| found(Diagnostic { line, failure }))
                .ok()?;
            Some(proxy)
        });
        http.authorization = self
            .credentials
            .and_then(|of| of.load(base, credentials).map_err(&mut found).ok());
        let kafka = KafkaOptions {
            errors: http.errors.clone(),
            ..self.kafka
        };
        let kafka = client_options(kafka, self.client_options, base, credentials);
        ReceiverOptions {
            tls,
            syslog: self.syslog,
            http,
            kafka: kafka.map_err(&mut found).unwrap_or_default(),
        }
    }
}

/// Checks the URL of a proxy, which is not shown: it may have a password.
fn checked_proxy(proxy: &SecretText, tls: &TlsOptions) -> Result<(), Failure> {
    if tls.server_name.is_some() {
        return Err(Failure::usage(
            "proxy and tls.server_name exclude each other: a proxy finds the receiver by the name \
             in url",
            "Write that name into url, and remove server_name",
        ));
    }
    // A credential that is not there yet is empty.
    if proxy.as_str().is_empty() {
        return Ok(());
    }
    #[cfg(feature = "http")]
    crate::output::http::proxy(proxy.as_str())
        .map_err(|what| Failure::usage(what, "Write it like http://proxy.example.net:3128"))?;
    Ok(())
}

/// Adds the options of the client of Kafka, and checks them.
fn client_options(
    mut kafka: KafkaOptions,
    written: Vec<(String, At<HeaderText>)>,
    base: &Path,
    credentials: bool,
) -> Result<KafkaOptions, Diagnostic> {
    let lines: Vec<usize> = written.iter().map(|(_, option)| option.line).collect();
    for (name, option) in written {
        let text = option.text(base, credentials)?;
        kafka.options.push((name, text));
    }
    // A credential that is not there is empty, and says nothing of the others.
    let is_whole = kafka
        .options
        .iter()
        .all(|(_, text)| !text.as_str().is_empty());
    #[cfg(feature = "kafka")]
    if let (Some(first), true) = (lines.first(), is_whole)
        && let Err((name, what)) = crate::output::kafka::check(&kafka)
    {
        let at = |name: &String| kafka.options.iter().position(|(other, _)| other == name);
        let line = name.as_ref().and_then(at).and_then(|at| lines.get(at));
        let what = match name {
            Some(name) => format!("option: {name}: {what}"),
            None => format!("option: {what}"),
        };
        let remedy = "Correct or remove it; docs/recipes/kafka.md names the options";
        return Err(Diagnostic::new(*line.unwrap_or(first), what, remedy));
    }
    #[cfg(not(feature = "kafka"))]
    let _ = (lines, is_whole);
    Ok(kafka)
}

impl At<HeaderText> {
    fn load(self, base: &Path, credentials: bool) -> Result<SecretText, Diagnostic> {
        let line = self.line;
        header_value(self.text(base, credentials)?, line)
    }

    fn text(self, base: &Path, credentials: bool) -> Result<SecretText, Diagnostic> {
        match self.value {
            HeaderText::Text(text) => Ok(SecretText::new(text)),
            HeaderText::Secret(secret) => read(secret, base, credentials, self.line),
        }
    }
}

impl At<Credentials> {
    fn load(self, base: &Path, credentials: bool) -> Result<SecretText, Diagnostic> {
        let line = self.line;
        let text = match self.value {
            Credentials::Token(scheme, secret) => {
                let secret = read(secret, base, credentials, line)?;
                SecretText::new(format!("{scheme} {}", secret.as_str()))
            }
            Credentials::Basic(user, secret) => {
                let secret = read(secret, base, credentials, line)?;
                let pair = SecretText::new(format!("{user}:{}", secret.as_str()));
                SecretText::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
            }
        };
        header_value(text, line)
    }
}

/// Returns false for a credential that only the service has, unless `credentials` are needed.
fn is_there(secret: &Secret, credentials: bool) -> bool {
    let is_set = || std::env::var_os("CREDENTIALS_DIRECTORY").is_some();
    !matches!(secret, Secret::Credential(_)) || credentials || is_set()
}

fn read(
    secret: Secret,
    base: &Path,
    credentials: bool,
    line: usize,
) -> Result<SecretText, Diagnostic> {
    if !is_there(&secret, credentials) {
        return Ok(SecretText::new(""));
    }
    let text = secret.under(base).read();
    let text = text.map_err(|failure| Diagnostic { line, failure })?;
    Ok(SecretText::new(text.trim()))
}

/// Refuses text that cannot be the value of a header.
fn header_value(text: SecretText, line: usize) -> Result<SecretText, Diagnostic> {
    let is_sound = |byte: u8| byte == b'\t' || byte >= b' ' && byte != 0x7f;
    match text.as_str().bytes().all(is_sound) {
        true => Ok(text),
        false => Err(Diagnostic::new(
            line,
            "a secret or header contains a line end or a control character",
            "Write it on one line",
        )),
    }
}

impl RawTls {
    fn load(self, base: &Path, credentials: bool) -> Result<TlsOptions, Failure> {
        let ca = match self.ca {
            None => Vec::new(),
            Some(ca) => identity::read(&base.join(ca))?.to_vec(),
        };
        let files = self.identity.filter(|files| match files {
            IdentityFiles::Pkcs12 {
                password: Some(secret),
                ..
            } => is_there(secret, credentials),
            _ => true,
        });
        let identity = files.map(|files| files.load(base)).transpose()?;
        let identity = identity.map(|identity| {
            let key = SecretText::new(identity.private_key_pem().as_str());
            ClientCertificate::new(identity.certificate_pem(), key)
        });
        let options = TlsOptions {
            ca,
            identity,
            server_name: self.server_name,
        };
        match TlsConnector::new(&options) {
            Ok(_) => Ok(options),
            Err(error) => Err(Failure::failed(
                format!("tls: {error}"),
                "Check the files that tls names",
            )),
        }
    }
}

#[cfg(all(test, feature = "http"))]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_cannot_be_used_is_refused_and_never_shown() {
        let load = |proxy: &str, server_name: Option<&str>| {
            let receiver = RawReceiver {
                proxy: Some(At::argument(HeaderText::Text(proxy.into()))),
                tls: Some(RawTls {
                    line: 3,
                    ca: None,
                    identity: None,
                    server_name: server_name.map(str::to_owned),
                }),
                ..RawReceiver::default()
            };
            let mut problems = Vec::new();
            receiver.load(Path::new(""), None, true, &mut problems);
            problems.pop().map(|problem| problem.failure.to_string())
        };
        let sound = "http://user:s3cret@proxy.example.net:3128";
        assert_eq!(load(sound, None), None);
        for (proxy, name, words) in [
            (
                "ftp://user:s3cret@proxy.example.net",
                None,
                "not the URL of a proxy",
            ),
            (sound, Some("siem"), "exclude each other"),
        ] {
            let error = load(proxy, name).unwrap();
            assert!(
                error.contains(words) && !error.contains("s3cret"),
                "{error}"
            );
        }
    }
}
