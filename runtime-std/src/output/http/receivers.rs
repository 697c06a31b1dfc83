//! The kinds of HTTP receivers.

use super::elastic::ElasticReceiver;
use super::ndjson::NdjsonReceiver;
use super::otlp::OtlpReceiver;
use super::splunk::SplunkReceiver;
use super::{HttpOutput, HttpReceiver};
use crate::output::Output;
use crate::output::options::ReceiverOptions;
use crate::output::receivers::{ReceiverKind, RecordNeeds};

/// The path of OpenTelemetry logs if the URL has none.
const OTLP_PATH: &str = "/v1/logs";

/// Any receiver of lines: with and without TLS.
pub(in crate::output) static HTTP: [ReceiverKind; 2] = [
    kind(
        "https",
        "https://HOST[:PORT]/PATH",
        HTTP_KEYS,
        |url, options| ndjson("https", url, options),
    ),
    kind(
        "http",
        "http://HOST[:PORT]/PATH",
        HTTP_PLAIN_KEYS,
        |url, options| ndjson("http", url, options),
    ),
];

/// Splunk's HTTP Event Collector.
pub(in crate::output) static SPLUNK: [ReceiverKind; 2] = [
    kind(
        "splunk+https",
        "splunk+https://HOST:PORT",
        SPLUNK_KEYS,
        |url, options| splunk("https", url, options),
    ),
    kind(
        "splunk+http",
        "splunk+http://HOST:PORT",
        SPLUNK_PLAIN_KEYS,
        |url, options| splunk("http", url, options),
    ),
];

/// Elasticsearch and OpenSearch.
pub(in crate::output) static ELASTIC: [ReceiverKind; 2] = [
    ReceiverKind {
        needs: RecordNeeds::Ordinals,
        ..kind(
            "elastic+https",
            "elastic+https://HOST:PORT",
            ELASTIC_KEYS,
            |url, options| elastic("https", url, options),
        )
    },
    ReceiverKind {
        needs: RecordNeeds::Ordinals,
        ..kind(
            "elastic+http",
            "elastic+http://HOST:PORT",
            ELASTIC_PLAIN_KEYS,
            |url, options| elastic("http", url, options),
        )
    },
];

/// OpenTelemetry logs.
pub(in crate::output) static OTLP: [ReceiverKind; 2] = [
    kind(
        "otlp+https",
        "otlp+https://HOST[:PORT][/PATH]",
        OTLP_KEYS,
        |url, options| otlp("https", url, options),
    ),
    kind(
        "otlp+http",
        "otlp+http://HOST[:PORT][/PATH]",
        OTLP_PLAIN_KEYS,
        |url, options| otlp("http", url, options),
    ),
];

const HTTP_KEYS: &[&str] = &[
    "header", "auth", "batch", "compress", "proxy", "errors", "tls",
];
const HTTP_PLAIN_KEYS: &[&str] = &["header", "auth", "batch", "compress", "proxy", "errors"];
const SPLUNK_KEYS: &[&str] = &[
    "header",
    "batch",
    "compress",
    "proxy",
    "errors",
    "tls",
    "token",
    "index",
    "sourcetype",
    "ack",
];
const SPLUNK_PLAIN_KEYS: &[&str] = &[
    "header",
    "batch",
    "compress",
    "proxy",
    "errors",
    "token",
    "index",
    "sourcetype",
    "ack",
];
const ELASTIC_KEYS: &[&str] = &[
    "header", "batch", "compress", "proxy", "errors", "tls", "index", "api_key", "user", "password",
];
const ELASTIC_PLAIN_KEYS: &[&str] = &[
    "header", "batch", "compress", "proxy", "errors", "index", "api_key", "user", "password",
];
const OTLP_KEYS: &[&str] = &[
    "header", "auth", "batch", "compress", "proxy", "errors", "tls", "encoding",
];
const OTLP_PLAIN_KEYS: &[&str] = &[
    "header", "auth", "batch", "compress", "proxy", "errors", "encoding",
];

const fn kind(
    scheme: &'static str,
    usage: &'static str,
    keys: &'static [&'static str],
    output: fn(&str, &ReceiverOptions) -> Box<dyn Output>,
) -> ReceiverKind {
    ReceiverKind {
        scheme,
        usage,
        keys,
        needs: RecordNeeds::Records,
        missing: None,
        is_path: false,
        address,
        output,
    }
}

fn ndjson(scheme: &str, url: &str, options: &ReceiverOptions) -> Box<dyn Output> {
    let (host, path) = split(url, "/");
    output(scheme, host, options, NdjsonReceiver { path: path.into() })
}

fn splunk(scheme: &str, url: &str, options: &ReceiverOptions) -> Box<dyn Output> {
    let (host, _) = split(url, "");
    output(scheme, host, options, SplunkReceiver::new(&options.http))
}

fn elastic(scheme: &str, url: &str, options: &ReceiverOptions) -> Box<dyn Output> {
    let (host, path) = split(url, "");
    let path = path.trim_end_matches('/');
    let receiver = ElasticReceiver {
        index: options.http.index.clone().unwrap_or_default(),
        path: format!("{path}/_bulk?filter_path=items.*.status,items.*.error"),
    };
    output(scheme, host, options, receiver)
}

fn otlp(scheme: &str, url: &str, options: &ReceiverOptions) -> Box<dyn Output> {
    let (host, path) = split(url, OTLP_PATH);
    let path = if path == "/" { OTLP_PATH } else { path };
    let receiver = OtlpReceiver {
        path: path.into(),
        encoding: options.http.encoding,
    };
    output(scheme, host, options, receiver)
}

fn output(
    scheme: &str,
    host: &str,
    options: &ReceiverOptions,
    receiver: impl HttpReceiver + 'static,
) -> Box<dyn Output> {
    Box::new(HttpOutput::new(scheme, host, options, Box::new(receiver)))
}

/// Splits a URL without scheme into host and path.
fn split<'u>(url: &'u str, usual: &'u str) -> (&'u str, &'u str) {
    match url.find(['/', '?']) {
        Some(at) => url.split_at(at),
        None => (url, usual),
    }
}

/// Returns the text if it is the rest of a URL: a host, a port or none, a path or none. A
/// user in a URL is refused, because it would be shown in messages.
fn address(text: &str) -> Option<String> {
    let (host, path) = split(text, "");
    let uri: ureq::http::Uri = format!("http://{host}/").parse().ok()?;
    let is_plain = |byte: u8| matches!(byte, b'!'..=b'~') && byte != b'#';
    let sound = uri.host().is_some_and(|host| !host.is_empty())
        && !host.contains('@')
        && !host.ends_with(':')
        && uri.port_u16() != Some(0)
        && path.bytes().all(is_plain);
    sound.then(|| text.to_owned())
}
