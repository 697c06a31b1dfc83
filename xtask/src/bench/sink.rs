//! Receivers that take everything and keep nothing.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixListener;
use std::{fs, thread};

use crate::Result;

/// What an HTTP receiver answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answers {
    /// A status without a body.
    Nothing,
    /// A result for each event of a bulk request.
    Items,
}

/// Returns the address of a receiver of bytes.
pub(super) fn tcp() -> Result<String> {
    listen(|mut stream| drain(&mut stream))
}

/// Returns the address of a receiver of datagrams.
pub(super) fn udp() -> Result<String> {
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = socket.local_addr().map_err(|error| error.to_string())?;
    thread::spawn(move || {
        let mut message = [0; 65_536];
        while socket.recv(&mut message).is_ok() {}
    });
    Ok(address.to_string())
}

/// Listens at this path, and returns it.
pub(super) fn unix(path: &str) -> Result<String> {
    // That of an earlier run.
    let _ = fs::remove_file(path);
    let listener = UnixListener::bind(path).map_err(|error| format!("{path}: {error}"))?;
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || drain(&mut stream));
        }
    });
    Ok(path.to_owned())
}

/// Returns the address of an HTTP receiver.
pub(super) fn http(answers: Answers) -> Result<String> {
    listen(move |stream| {
        // The end of the client ends it.
        let _ = serve(stream, answers);
    })
}

fn listen(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    Ok(address.to_string())
}

fn drain(stream: &mut impl Read) {
    let mut bytes = vec![0; 256 << 10];
    while stream.read(&mut bytes).is_ok_and(|length| length > 0) {}
}

fn serve(stream: TcpStream, answers: Answers) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(256 << 10, stream.try_clone()?);
    let mut writer = stream;
    let mut body = Vec::new();
    loop {
        let Some(length) = content_length(&mut reader)? else {
            return Ok(());
        };
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
        let answer = match answers {
            Answers::Nothing => String::new(),
            Answers::Items => {
                // An action and a document for each event.
                let lines = body.iter().filter(|byte| **byte == b'\n').count();
                let items = vec!["{\"create\":{\"status\":201}}"; lines / 2];
                format!("{{\"errors\":false,\"items\":[{}]}}", items.join(","))
            }
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        writer.write_all((head + &answer).as_bytes())?;
    }
}

/// Reads the head of a request. Returns `None` at the end of the connection.
fn content_length(reader: &mut impl BufRead) -> io::Result<Option<usize>> {
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        if line.is_empty() {
            return Ok(Some(length));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bulk_request_gets_a_result_for_each_event() {
        let address = http(Answers::Items).unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        let body = "{}\n{\"a\":1}\n{}\n{\"a\":2}\n";
        let length = body.len();
        write!(
            client,
            "POST /_bulk HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer.matches("201").count(), 2, "{answer}");
    }
}
