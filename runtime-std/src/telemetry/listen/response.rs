//! An answer, with headers that keep a browser from guessing.

use std::fmt::Write;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: &'static str,
    pub(super) content_type: &'static str,
    /// The content security policy.
    pub(super) policy: &'static str,
    pub(super) body: std::borrow::Cow<'static, str>,
}

const TEXT: &str = "text/plain; charset=utf-8";
/// Nothing is loaded, run or framed.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

impl Answer {
    pub(super) const BAD_REQUEST: Self =
        Self::text("400 Bad Request", "this is no request of HTTP/1.1\n");
    pub(super) const FOREIGN: Self = Self::text(
        "403 Forbidden",
        "this listener answers only to localhost and to addresses, not to other names\n",
    );
    pub(super) const NOT_FOUND: Self = Self::text(
        "404 Not Found",
        "the paths are /, /status, /metrics, /healthz and /readyz\n",
    );
    pub(super) const NOT_ALLOWED: Self =
        Self::text("405 Method Not Allowed", "the methods are GET and HEAD\n");
    pub(super) const TOO_LARGE: Self = Self::text(
        "431 Request Header Fields Too Large",
        "the request is over 8 KiB, or has more than 64 headers\n",
    );

    const fn text(status: &'static str, body: &'static str) -> Self {
        Self {
            status,
            content_type: TEXT,
            policy: NOTHING,
            body: std::borrow::Cow::Borrowed(body),
        }
    }

    /// Returns an answer in this content type.
    pub(super) fn ok(content_type: &'static str, body: String) -> Self {
        Self {
            status: "200 OK",
            content_type,
            policy: NOTHING,
            body: body.into(),
        }
    }

    /// Returns `200` or `503` with one line.
    pub(super) fn probe(is_well: bool, line: &str) -> Self {
        Self {
            status: if is_well {
                "200 OK"
            } else {
                "503 Service Unavailable"
            },
            ..Self::ok(TEXT, format!("{line}\n"))
        }
    }

    /// Returns the bytes to send; without the body for `HEAD`.
    pub(super) fn bytes(&self, is_head: bool) -> Vec<u8> {
        let mut head = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\
             Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
             Referrer-Policy: no-referrer\r\nContent-Security-Policy: {}\r\n",
            self.status,
            self.content_type,
            self.body.len(),
            self.policy
        );
        if *self.status == *Self::NOT_ALLOWED.status {
            // Writing to a String cannot fail.
            let _ = write!(head, "Allow: GET, HEAD\r\n");
        }
        head.push_str("\r\n");
        if !is_head {
            head.push_str(&self.body);
        }
        head.into_bytes()
    }
}
