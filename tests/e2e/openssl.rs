//! The `openssl` program as a peer, and as a maker of files.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Runs `openssl` in a directory to its end.
#[track_caller]
pub(crate) fn openssl(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .expect("the openssl program");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A running `openssl`; it is killed when this is dropped.
pub(crate) struct Peer {
    child: Child,
    /// Kept open: at its end the program would leave.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Peer {
    fn start(directory: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new("openssl")
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the openssl program");
        let stdout = child.stdout.take().expect("stdout is piped");
        Self {
            stdin: child.stdin.take(),
            stdout: BufReader::new(stdout),
            child,
        }
    }

    /// Everything it prints from now on, when it has been ended.
    pub(crate) fn end(mut self) -> String {
        let _ = self.child.kill();
        self.rest()
    }

    /// Everything it prints until it ends by itself.
    pub(crate) fn rest(&mut self) -> String {
        drop(self.stdin.take());
        let mut bytes = Vec::new();
        let _ = self.stdout.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its next bytes.
    pub(crate) fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stdout.read_exact(&mut bytes).expect("as many bytes");
        bytes
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An `openssl s_server` that asks for a client certificate.
pub(crate) struct Server {
    pub(crate) peer: Peer,
    pub(crate) address: String,
}

impl Server {
    /// Starts it with `NAME.pem`, `NAME.key` and this CA for its clients.
    pub(crate) fn start(directory: &Path, name: &str, ca: &str, extra: &[&str]) -> Self {
        let (cert, key) = (format!("{name}.pem"), format!("{name}.key"));
        let fixed = ["s_server", "-accept", "127.0.0.1:0"];
        let own = ["-cert", &cert, "-key", &key, "-CAfile", ca];
        let asking = ["-Verify", "1", "-verify_return_error"];
        let mut peer = Peer::start(directory, &[&fixed[..], &own, &asking, extra].concat());
        // It names the port the system chose.
        let address = loop {
            let mut line = String::new();
            let count = peer.stdout.read_line(&mut line).expect("readable output");
            assert!(count > 0, "openssl s_server does not listen");
            if let Some(address) = line.strip_prefix("ACCEPT ") {
                break address.trim_end().to_owned();
            }
        };
        Self { peer, address }
    }
}

/// An `openssl s_client` that sends this file and prints what it gets.
pub(crate) fn client(directory: &Path, address: &str, file: &Path, extra: &[&str]) -> Peer {
    let fixed = [
        "s_client",
        "-connect",
        address,
        "-CAfile",
        "ca.pem",
        "-quiet",
        "-verify_return_error",
    ];
    let mut peer = Peer::start(directory, &[&fixed[..], extra].concat());
    let mut stdin = peer.stdin.take().expect("stdin is piped");
    let mut file = File::open(file).expect("a readable file");
    // One that was refused may be gone already.
    let _ = std::io::copy(&mut file, &mut stdin);
    peer.stdin = Some(stdin);
    peer
}
