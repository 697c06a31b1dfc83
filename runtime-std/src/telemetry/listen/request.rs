//! A request: its first line and its headers.

use super::response::Answer;

/// The maximum length of a request with its headers in bytes.
pub(super) const MAX_BYTES: usize = 8 << 10;
/// The maximum number of headers.
const MAX_HEADERS: usize = 64;

/// What matters of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// The path without its query.
    pub(super) path: String,
    /// The host that the client asked, without the port.
    pub(super) host: Option<String>,
    /// Whether the client takes OpenMetrics.
    pub(super) takes_openmetrics: bool,
}

impl Request {
    /// Parses received bytes. Returns `None` if the request is not complete yet.
    ///
    /// # Errors
    /// The answer to a request that cannot be understood.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, Answer> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        match parsed.parse(bytes) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) if bytes.len() >= MAX_BYTES => {
                return Err(Answer::TOO_LARGE);
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Answer::TOO_LARGE),
            Err(_) => return Err(Answer::BAD_REQUEST),
        }
        let path = parsed.path.unwrap_or_default();
        let header = |name: &str| {
            let mut headers = parsed.headers.iter();
            let header = headers.find(|header| header.name.eq_ignore_ascii_case(name))?;
            std::str::from_utf8(header.value).ok()
        };
        let accept = header("accept").unwrap_or_default();
        Ok(Some(Self {
            method: parsed.method.unwrap_or_default().to_owned(),
            path: path.split('?').next().unwrap_or_default().to_owned(),
            host: header("host").map(|host| without_port(host).to_owned()),
            takes_openmetrics: accept.contains("application/openmetrics-text"),
        }))
    }
}

/// `[::1]:9302` is `::1`.
fn without_port(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_and_one_over_a_limit_is_refused() {
        let text = b"GET /metrics?x=1 HTTP/1.1\r\nHost: [::1]:9302\r\nACCEPT: \
            application/openmetrics-text;version=1.0.0,text/plain\r\n\r\nGET / HTTP/1.1\r\n\r\n";
        let request = Request::parse(text).unwrap().unwrap();
        assert_eq!((&*request.method, &*request.path), ("GET", "/metrics"));
        assert_eq!(request.host.as_deref(), Some("::1"));
        assert!(request.takes_openmetrics);
        for end in 0..80 {
            assert_eq!(Request::parse(&text[..end]).unwrap(), None, "{end}");
        }
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65));
        assert_eq!(Request::parse(many.as_bytes()), Err(Answer::TOO_LARGE));
        let long = format!("GET / HTTP/1.1\r\na: {}", "x".repeat(MAX_BYTES));
        assert_eq!(Request::parse(long.as_bytes()), Err(Answer::TOO_LARGE));
        for bad in [
            &b"\x16\x03\x01\x02\x00"[..],
            b"GET\r\n\r\n",
            b"GET / HTTP/9\r\n\r\n",
        ] {
            assert_eq!(Request::parse(bad), Err(Answer::BAD_REQUEST), "{bad:?}");
        }
    }
}
