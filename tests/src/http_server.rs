//! A strict HTTP server for tests: it reads whole requests and answers as a test says.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rustls::ServerConfig;

use crate::receiver::{Peer, with_tls};

/// A request.
pub struct HttpRequest {
    /// Path and query.
    pub path: String,
    /// The headers, with names in lower case.
    pub headers: HashMap<String, String>,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

/// What a server does with a request.
pub enum HttpReply {
    /// It answers: status, more headers, body.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// It closes the connection without an answer.
    Close,
}

impl HttpReply {
    /// An answer without a body.
    pub fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), Vec::new())
    }

    /// An answer in JSON.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::Answer(status, Vec::new(), body.to_string().into_bytes())
    }
}

/// A handler of requests.
type Handler = dyn Fn(&HttpRequest) -> HttpReply + Send + Sync;

/// Serves HTTP on a port of loopback until the test ends.
///
/// # Panics
/// When there is no port.
pub fn serve(
    tls: Option<Arc<ServerConfig>>,
    handler: impl Fn(&HttpRequest) -> HttpReply + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    serve_on(listener, tls, handler)
}

/// The same with a listener.
///
/// # Panics
/// When it has no address.
pub fn serve_on(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    handler: impl Fn(&HttpRequest) -> HttpReply + Send + Sync + 'static,
) -> SocketAddr {
    let address = listener.local_addr().expect("an address");
    let handler: Arc<Handler> = Arc::new(handler);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let (tls, handler) = (tls.clone(), handler.clone());
            std::thread::spawn(move || converse(stream, tls.as_ref(), &*handler));
        }
    });
    address
}

fn converse(stream: TcpStream, tls: Option<&Arc<ServerConfig>>, handler: &Handler) {
    let Ok(peer) = with_tls(stream, tls) else {
        return;
    };
    let mut reader = BufReader::new(peer);
    while let Some(request) = read(&mut reader) {
        let HttpReply::Answer(status, headers, body) = handler(&request) else {
            return;
        };
        let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let answer = [head.as_bytes(), b"\r\n", &body].concat();
        let peer = reader.get_mut();
        if peer.write_all(&answer).and_then(|()| peer.flush()).is_err() {
            return;
        }
    }
}

/// Reads a request; `None` if the client closed or it is none.
fn read(reader: &mut BufReader<Box<dyn Peer>>) -> Option<HttpRequest> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?, words.next()?.to_owned());
    assert_eq!((method, words.next()), ("POST", Some("HTTP/1.1")));
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = match headers.get("content-encoding").map(String::as_str) {
        None => body,
        Some("gzip") => {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&*body)
                .read_to_end(&mut plain)
                .ok()?;
            plain
        }
        Some("zstd") => zstd::stream::decode_all(&*body).ok()?,
        Some(other) => panic!("content-encoding {other}"),
    };
    Some(HttpRequest {
        path,
        headers,
        body,
    })
}
