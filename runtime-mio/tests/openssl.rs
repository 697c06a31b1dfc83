//! Both ends with the `openssl` program, over loopback sockets.
//!
//! Ignored by default because they need that program (3.0 or newer):
//! `cargo test -p estreamer-mio --test openssl -- --ignored`

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use estreamer_mio::tls::{
    CertificateProblem, ClientTls, Identity, Peer, ReadOutcome, ServerRules, ServerTls, TlsClass,
    TlsError, TlsSession,
};

const VERSIONS: [(&str, &str); 2] = [("-tls1_2", "TLS 1.2"), ("-tls1_3", "TLS 1.3")];

#[test]
#[ignore = "needs the openssl program"]
fn our_client_and_an_openssl_server_accept_each_other() {
    for (flag, version) in VERSIONS {
        let server = Server::start("server", &[flag, "-CAfile", "ca-v1.pem"]);
        let mut connection = server.connect(&rsa("client"), ServerRules::default());
        connection.finish_handshake().unwrap();
        assert_eq!(connection.session.protocol_version(), Some(version));
        // This server sends every line back reversed.
        connection.session.write(b"maertse\n");
        assert_eq!(connection.receive(8).unwrap(), b"estream\n");
    }
}

#[test]
#[ignore = "needs the openssl program"]
fn keys_may_be_renewed_between_events() {
    let mut server = Server::start_talking("server", &["-tls1_3", "-CAfile", "ca-v1.pem"]);
    let mut connection = server.connect(&rsa("client"), ServerRules::default());
    connection.finish_handshake().unwrap();
    let exchange = |server: &mut Server, connection: &mut Connection, answer: &str| {
        server.program.say(b"events\n");
        assert_eq!(connection.receive(7).unwrap(), b"events\n");
        let written = connection.session.write(answer.as_bytes());
        assert_eq!(written, answer.len());
        connection.flush();
    };
    exchange(&mut server, &mut connection, "first\n");
    for round in 0..3 {
        // New keys at the server, then at both ends.
        for command in ["k", "K"] {
            server.program.say(format!("{command}\n").as_bytes());
            connection.read().unwrap();
            let answer = format!("answer {command} {round}\n");
            exchange(&mut server, &mut connection, &answer);
        }
    }
    let heard = server.hear_after(connection);
    for answer in ["first", "answer k 0", "answer K 0", "answer K 2"] {
        assert!(heard.contains(answer), "{heard}");
    }
}

#[test]
#[ignore = "needs the openssl program"]
fn a_server_that_wants_to_negotiate_again_is_told_no() {
    let mut server = Server::start_talking("server", &["-tls1_2", "-CAfile", "ca-v1.pem"]);
    let mut connection = server.connect(&rsa("client"), ServerRules::default());
    connection.finish_handshake().unwrap();
    server.program.say(b"events\n");
    assert_eq!(connection.receive(7).unwrap(), b"events\n");
    server.program.say(b"r\n");
    while !connection.session.wants_write() {
        connection.read().unwrap();
    }
    assert!(!connection.session.is_handshaking());
    connection.flush();
    // An openssl server closes then.
    let error = connection.receive(1).unwrap_err();
    assert!(error.to_string().contains("handshake_failure"), "{error}");
}

#[test]
#[ignore = "needs the openssl program"]
fn an_openssl_server_of_another_ca_is_refused() {
    for (flag, _) in VERSIONS {
        let server = Server::start("server-weak-ca", &[flag, "-CAfile", "ca-v1.pem"]);
        let mut connection = server.connect(&rsa("client"), ServerRules::default());
        let problem = refused(connection.finish_handshake());
        assert!(
            matches!(problem, CertificateProblem::NotSignedByCa { .. }),
            "{problem:?}"
        );
    }
}

#[test]
#[ignore = "needs the openssl program"]
fn an_openssl_server_with_a_small_key_is_refused_for_that() {
    let weak = [
        "-tls1_2",
        "-cipher",
        "DEFAULT@SECLEVEL=0",
        "-CAfile",
        "ca-v1.pem",
    ];
    let server = Server::start("server-rsa1024", &weak);
    let mut connection = server.connect(&rsa("client"), ServerRules::default());
    let problem = refused(connection.finish_handshake());
    assert_eq!(problem, CertificateProblem::RsaTooSmall { bits: 1024 });
}

#[test]
#[ignore = "needs the openssl program"]
fn an_openssl_server_with_a_key_on_p_521_is_refused_for_that() {
    let connect = |flag: &str| {
        let server = Server::start("server-p521", &[flag, "-CAfile", "ca-v1.pem"]);
        let client = rsa("client").with_ca(&read("ca-p256.pem")).unwrap();
        let mut connection = server.connect(&client, ServerRules::default());
        connection.finish_handshake()
    };
    let algorithm = "ECDSA on the curve secp521r1".to_owned();
    let problem = refused(connect("-tls1_3"));
    assert_eq!(problem, CertificateProblem::KeyAlgorithm { algorithm });
    // In TLS 1.2 it ends the handshake before it sends its certificate.
    let error = connect("-tls1_2").unwrap_err();
    let peer = Peer::Server;
    assert_eq!(error, TlsError::NothingInCommon { peer });
    assert!(error.to_string().contains("a key on another curve"));
}

#[test]
#[ignore = "needs the openssl program"]
fn an_insecure_client_takes_certificates_no_rule_would_accept() {
    for (flag, _) in VERSIONS {
        for name in ["server-v1", "server-sha1", "server-weak-ca"] {
            let extra = [
                flag,
                "-cipher",
                "DEFAULT@SECLEVEL=0",
                "-CAfile",
                "ca-v1.pem",
            ];
            let server = Server::start(name, &extra);
            let rules = ServerRules {
                insecure: true,
                ..ServerRules::default()
            };
            let mut connection = server.connect(&rsa("client"), rules);
            connection.finish_handshake().unwrap();
        }
    }
}

#[test]
#[ignore = "needs the openssl program"]
fn a_server_with_rsa_key_exchange_or_cbc_alone_shares_nothing_with_us() {
    let peer = Peer::Server;
    for cipher in ["AES256-GCM-SHA384", "AES128-SHA", "ECDHE-RSA-AES256-SHA384"] {
        let only = ["-tls1_2", "-cipher", cipher, "-CAfile", "ca-v1.pem"];
        let server = Server::start("server", &only);
        let mut connection = server.connect(&rsa("client"), ServerRules::default());
        let error = connection.finish_handshake().unwrap_err();
        assert_eq!(error, TlsError::NothingInCommon { peer }, "{cipher}");
    }
}

#[test]
#[ignore = "needs the openssl program"]
fn a_server_of_tls_1_1_is_too_old() {
    let old = [
        "-tls1_1",
        "-cipher",
        "DEFAULT@SECLEVEL=0",
        "-CAfile",
        "ca-v1.pem",
    ];
    let server = Server::start("server", &old);
    let mut connection = server.connect(&rsa("client"), ServerRules::default());
    let error = connection.finish_handshake().unwrap_err();
    let peer = Peer::Server;
    assert_eq!(error, TlsError::VersionTooOld { peer });
}

#[test]
#[ignore = "needs the openssl program"]
fn an_openssl_server_that_refuses_our_certificate_is_understood() {
    for (flag, _) in VERSIONS {
        let server = Server::start("server", &[flag, "-CAfile", "ca-rsa1024.pem"]);
        let mut connection = server.connect(&rsa("client"), ServerRules::default());
        // In TLS 1.3 the refusal comes after the handshake.
        let error = connection
            .finish_handshake()
            .and_then(|()| connection.receive(1).map(drop))
            .unwrap_err();
        assert_eq!(error.class(), TlsClass::OwnCertificateRefused, "{error}");
    }
}

#[test]
#[ignore = "needs the openssl program"]
fn our_server_and_an_openssl_client_accept_each_other() {
    for (flag, version) in VERSIONS {
        for name in ["client", "client-ec"] {
            let (mut connection, mut client) = serve(Some(name), &[flag]);
            connection.finish_handshake().unwrap();
            assert_eq!(connection.session.protocol_version(), Some(version));
            let peer = connection.session.peer().unwrap();
            assert_eq!(peer.common_name.as_deref(), Some(name));
            client.say(b"request\n");
            assert_eq!(connection.receive(8).unwrap(), b"request\n");
        }
    }
}

#[test]
#[ignore = "needs the openssl program"]
fn our_server_refuses_openssl_clients_with_the_cause() {
    for (flag, _) in VERSIONS {
        let (mut connection, _client) = serve(None, &[flag]);
        let problem = refused(connection.finish_handshake());
        assert_eq!(problem, CertificateProblem::Missing);

        let (mut connection, _client) = serve(Some("server-weak-ca"), &[flag]);
        let problem = refused(connection.finish_handshake());
        assert!(
            matches!(problem, CertificateProblem::NotSignedByCa { .. }),
            "{problem:?}"
        );
    }
    let (mut connection, _client) = serve(Some("client"), &["-tls1_2", "-cipher", "AES128-SHA"]);
    let error = connection.finish_handshake().unwrap_err();
    let peer = Peer::Client;
    assert_eq!(error, TlsError::NothingInCommon { peer });
}

/// One TLS session on a blocking socket.
struct Connection {
    session: TlsSession,
    socket: TcpStream,
}

impl Connection {
    fn new(session: TlsSession, socket: TcpStream) -> Self {
        let timeout = Some(Duration::from_secs(10));
        socket.set_read_timeout(timeout).unwrap();
        Self { session, socket }
    }

    fn finish_handshake(&mut self) -> Result<(), TlsError> {
        while self.session.is_handshaking() {
            self.turn()?;
        }
        self.flush();
        Ok(())
    }

    /// Reads until there are `count` bytes of plaintext or the connection ended.
    fn receive(&mut self, count: usize) -> Result<Vec<u8>, TlsError> {
        let mut all = Vec::new();
        let mut buffer = [0; 512];
        while all.len() < count {
            match self.session.read(&mut buffer) {
                ReadOutcome::Data(count) => all.extend_from_slice(&buffer[..count]),
                ReadOutcome::WouldBlock => self.turn()?,
                ReadOutcome::Closed | ReadOutcome::Eof => break,
            }
        }
        Ok(all)
    }

    fn turn(&mut self) -> Result<(), TlsError> {
        self.flush();
        let result = self.read();
        self.flush();
        result
    }

    fn read(&mut self) -> Result<(), TlsError> {
        // A reset by the peer is the end as well.
        if self.session.read_tls(&mut self.socket).is_err() {
            self.session.read_tls(&mut std::io::empty()).unwrap();
        }
        self.session.process()
    }

    fn flush(&mut self) {
        while self.session.wants_write() {
            if self.session.write_tls(&mut self.socket).is_err() {
                break;
            }
        }
    }
}

/// A running `openssl` that ends with the test.
struct Program(Child);

impl Program {
    fn start(arguments: &[&str]) -> Self {
        Self::start_to(Stdio::null(), arguments)
    }

    fn start_to(stdout: Stdio, arguments: &[&str]) -> Self {
        let child = Command::new("openssl")
            .args(arguments)
            .current_dir(fixtures())
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(Stdio::null())
            .spawn()
            .expect("the openssl program");
        Self(child)
    }

    fn say(&mut self, bytes: &[u8]) {
        self.0.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An `openssl s_server` that asks for a client certificate.
struct Server {
    program: Program,
    address: String,
}

impl Server {
    /// One that sends every line back reversed.
    fn start(name: &str, extra: &[&str]) -> Self {
        Self::start_to(Stdio::null(), name, &[&["-rev"], extra].concat())
    }

    /// One that takes lines and commands from its standard input, and ends with
    /// its first connection.
    fn start_talking(name: &str, extra: &[&str]) -> Self {
        let once = ["-naccept", "1"];
        Self::start_to(Stdio::piped(), name, &[&once[..], extra].concat())
    }

    fn start_to(stdout: Stdio, name: &str, extra: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = port.local_addr().unwrap().to_string();
        drop(port);
        let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
        let fixed = [
            "s_server",
            "-accept",
            &address,
            "-cert",
            &certificate,
            "-key",
            &key,
        ];
        let asking = ["-Verify", "1", "-verify_return_error"];
        Self {
            program: Program::start_to(stdout, &[&fixed[..], &asking, extra].concat()),
            address,
        }
    }

    /// Returns what the server received, once the connection is closed.
    fn hear_after(mut self, mut connection: Connection) -> String {
        connection.session.send_close_notify();
        connection.flush();
        drop(connection);
        let mut heard = String::new();
        let stdout = self.program.0.stdout.as_mut().unwrap();
        stdout.read_to_string(&mut heard).unwrap();
        heard
    }

    fn connect(&self, identity: &Identity, rules: ServerRules) -> Connection {
        let session = ClientTls::new(identity, rules).unwrap().connect().unwrap();
        // The program does not listen at once.
        for _ in 0..100 {
            if let Ok(socket) = TcpStream::connect(&self.address) {
                return Connection::new(session, socket);
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("openssl s_server does not listen");
    }
}

/// Our server's end of a connection that an `openssl s_client` opens.
fn serve(name: Option<&str>, extra: &[&str]) -> (Connection, Program) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let fixed = [
        "s_client",
        "-connect",
        &address,
        "-CAfile",
        "ca-v1.pem",
        "-quiet",
    ];
    let name = name.map(|name| (format!("{name}.pem"), format!("{name}.key")));
    let own: Vec<&str> = match &name {
        Some((certificate, key)) => vec!["-cert", certificate, "-key", key],
        None => Vec::new(),
    };
    let program = Program::start(&[&fixed[..], &own, extra].concat());
    let session = ServerTls::new(&rsa("server")).unwrap().accept().unwrap();
    let (socket, _) = listener.accept().unwrap();
    (Connection::new(session, socket), program)
}

fn refused(result: Result<(), TlsError>) -> CertificateProblem {
    match result {
        Err(TlsError::CertificateRefused(refusal)) => refusal.problem,
        other => panic!("not a refused certificate: {other:?}"),
    }
}

fn rsa(name: &str) -> Identity {
    let (certificate, key) = (read(&format!("{name}.pem")), read(&format!("{name}.key")));
    Identity::from_pem(&certificate, &key, &read("ca-v1.pem")).unwrap()
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(name)).unwrap()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tls/fixtures")
}
