//! Handshakes in memory, with certificates that are generated or read from `fixtures`.

mod handshake;
mod identities;
mod pem_forms;
mod pkcs12_forms;
mod records;
mod refusals;
mod sessions;

use std::io;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};

use super::*;

/// Reads a file of `fixtures` at compile time.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../fixtures/", $name)).as_slice()
    };
}
use fixture;

/// A generated Internal CA.
struct TestPki {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl TestPki {
    fn new() -> Self {
        Self::named("InternalCA")
    }

    fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    fn server(&self) -> Identity {
        self.issue(subject("eStreamer", "server"))
    }

    fn client(&self) -> Identity {
        self.issue(subject("eStreamer", "client"))
    }

    /// An identity with this CA as its own.
    fn issue(&self, params: CertificateParams) -> Identity {
        self.issue_trusting(params, &self.pem)
    }

    /// An identity of this CA that verifies others with the CA in `ca`.
    fn issue_trusting(&self, params: CertificateParams, ca: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let (pem, key) = (certificate.pem(), key.serialize_pem());
        Identity::from_pem(pem.as_bytes(), key.as_bytes(), ca.as_bytes()).unwrap()
    }
}

/// A leaf with a subject as a Management Center writes it.
fn subject(title: &str, qualifier: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    let name = &mut params.distinguished_name;
    name.push(DnType::CommonName, "192.0.2.7");
    name.push(DnType::CustomDnType(vec![2, 5, 4, 12]), title);
    name.push(DnType::CustomDnType(vec![2, 5, 4, 44]), qualifier);
    params
}

/// The last result of each end: client, server.
type HandshakeResults = (Result<(), TlsError>, Result<(), TlsError>);

/// Moves bytes both ways until there are none.
fn pump(client: &mut TlsSession, server: &mut TlsSession) -> HandshakeResults {
    let (mut at_client, mut at_server) = (Ok(()), Ok(()));
    while client.wants_write() || server.wants_write() {
        at_server = deliver(client, server);
        at_client = deliver(server, client);
    }
    (at_client, at_server)
}

/// Moves the bytes of `from` to `to`.
fn deliver(from: &mut TlsSession, to: &mut TlsSession) -> Result<(), TlsError> {
    let wire = outgoing(from);
    feed(to, &wire)
}

/// Returns all bytes that a session has for the socket.
fn outgoing(session: &mut TlsSession) -> Vec<u8> {
    let mut wire = Vec::new();
    while session.wants_write() {
        session.write_tls(&mut wire).unwrap();
    }
    wire
}

/// Gives bytes to a session as from a socket that stays open.
fn feed(to: &mut TlsSession, mut bytes: &[u8]) -> Result<(), TlsError> {
    let mut last = to.process();
    while !bytes.is_empty() {
        to.read_tls(&mut bytes).unwrap();
        last = to.process();
        if last.is_err() {
            break;
        }
    }
    last
}

/// Ends the connection under a session.
fn hang_up(session: &mut TlsSession) -> Result<(), TlsError> {
    assert_eq!(session.read_tls(&mut io::empty()).unwrap(), 0);
    session.process()
}

/// Runs a handshake and returns both ends with the result.
fn meet(client: &ClientTls, server: &ServerTls) -> (TlsSession, TlsSession, HandshakeResults) {
    let mut client = client.connect().unwrap();
    let mut server = server.accept().unwrap();
    let outcome = pump(&mut client, &mut server);
    (client, server, outcome)
}

/// Two ends that have completed the handshake.
fn pair(versions: TlsVersions) -> (TlsSession, TlsSession) {
    pair_on(ClientTls::connect, versions)
}

/// How a client's session is made: on either engine.
type Connect = fn(&ClientTls) -> Result<TlsSession, TlsError>;

/// A client on either engine, with either version.
const CLIENTS: [(Connect, TlsVersions); 4] = [
    (ClientTls::connect, TlsVersions::Tls12),
    (ClientTls::connect, TlsVersions::Tls13),
    (ClientTls::connect_buffered, TlsVersions::Tls12),
    (ClientTls::connect_buffered, TlsVersions::Tls13),
];

/// Both engines of a client.
const ENGINES: [Connect; 2] = [ClientTls::connect, ClientTls::connect_buffered];

/// A pair with a client's session made by `connect`.
fn pair_on(connect: Connect, versions: TlsVersions) -> (TlsSession, TlsSession) {
    let pki = TestPki::new();
    let rules = ServerRules::default();
    let client = ClientTls::with_versions(&pki.client(), rules, versions).unwrap();
    let server = ServerTls::new(&pki.server()).unwrap();
    let mut client = connect(&client).unwrap();
    let mut server = server.accept().unwrap();
    let outcome = pump(&mut client, &mut server);
    assert_eq!(outcome, (Ok(()), Ok(())));
    (client, server)
}

/// Returns all plaintext that is there.
fn drain(session: &mut TlsSession) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 1000];
    while let ReadOutcome::Data(count) = session.read(&mut buffer) {
        all.extend_from_slice(&buffer[..count]);
    }
    all
}

/// Returns the problem with the peer's certificate.
fn problem(result: Result<(), TlsError>) -> CertificateProblem {
    match result {
        Err(TlsError::CertificateRefused(refusal)) => refusal.problem,
        other => panic!("not a refused certificate: {other:?}"),
    }
}

fn purpose(mut params: CertificateParams, purpose: ExtendedKeyUsagePurpose) -> CertificateParams {
    params.extended_key_usages = vec![purpose];
    params
}
