//! Clients of the library that connect again by themselves.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use estreamer::client::{
    Builder, Client, ConnectionChange, ErrorKind, EventKind, InitialTimestamp, NextAttempt, Quirks,
    RequestForm,
};
use estreamer_core::quirk::Quirk;
use estreamer_core::session::End;
use estreamer_simulate::Simulator;
use estreamer_simulate::archive::{Archive, ArchiveOptions};
use estreamer_simulate::generator::GeneratorOptions;
use estreamer_simulate::request_length::RequestLength;
use estreamer_tests::{ClosedPort, ODD, Pki};

#[path = "../../runtime-std/examples/tokio.rs"]
mod on_tokio;

use on_tokio::AsyncClient;

const SOON: Option<Duration> = Some(Duration::from_secs(30));
const EVENTS: usize = 100_000;
const RESTARTS: usize = 20;
/// A restart comes after so many events: inside of bundles, batches and seconds.
const BETWEEN: usize = 4793;

/// A server that is restarted at its address with its archive.
struct Restarting {
    pki: Pki,
    archive: Archive,
    address: SocketAddr,
    simulator: Option<Simulator>,
    /// Its port while it is away.
    closed: Option<ClosedPort>,
    restarts: usize,
}

impl Restarting {
    fn new(events: usize) -> Self {
        let mut options = ArchiveOptions::generated(GeneratorOptions::default(), events as u64);
        options.oddities = ODD;
        let mut server = Self {
            pki: Pki::new(),
            archive: Archive::new(options),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            simulator: None,
            closed: None,
            restarts: 0,
        };
        server.start();
        server
    }

    fn start(&mut self) {
        let server = self.pki.server().archive(self.archive.clone()).bundle(100);
        let simulator = server.listen(self.address).spawn().expect("its address");
        self.address = simulator.address();
        self.simulator = Some(simulator);
        self.closed = None;
    }

    fn stop(&mut self) {
        self.simulator = None;
        self.closed = Some(ClosedPort::at(self.address));
    }

    /// Restarts at every 4793rd event, twenty times.
    fn after(&mut self, events: usize) {
        if events.is_multiple_of(BETWEEN) && self.restarts < RESTARTS {
            self.restarts += 1;
            self.stop();
            self.start();
        }
    }

    fn expected(&self) -> Vec<Vec<u8>> {
        let events = self.archive.events().into_iter();
        events.map(|event| event.data).collect()
    }

    fn client(&self) -> Builder {
        Client::builder(&self.address.to_string())
            .pkcs12(self.pki.scratch("pki/client.p12"), "estreamer")
            .from(InitialTimestamp::OLDEST)
            .reconnecting()
    }

    fn bookmarked(&self) -> Builder {
        self.client().state(self.pki.scratch("state")).name("fmc")
    }
}

/// The lines of a client's log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn keep(&self) -> impl FnMut(&ConnectionChange) + Send + 'static {
        let log = self.0.clone();
        move |change| log.lock().unwrap().push(change.to_string())
    }

    fn lines(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }

    fn count(&self, words: &str) -> usize {
        let log = self.0.lock().unwrap();
        log.iter().filter(|line| line.contains(words)).count()
    }
}

#[test]
fn an_iterator_gives_every_event_once_across_twenty_restarts_of_the_server() {
    let mut server = Restarting::new(EVENTS);
    let log = Log::default();
    let mut client = server.bookmarked().on_change(log.keep()).connect().unwrap();
    let mut got = Vec::with_capacity(EVENTS);
    for event in client.by_ref().take(EVENTS) {
        got.push(event.unwrap().data);
        server.after(got.len());
    }
    assert_eq!(server.restarts, RESTARTS);
    assert!(got == server.expected(), "each once, and in order");
    let connections = client.statistics().connections;
    assert!(connections > RESTARTS as u64, "{connections}");
    assert_eq!(log.count("connected to "), RESTARTS + 1);
    assert!(log.count("Trying again in ") >= RESTARTS);
    // The last event was handed out, but not acknowledged.
    drop(client);
    let mut client = server.bookmarked().connect().unwrap();
    let last = client.receive(SOON).unwrap().unwrap().data.to_vec();
    assert!(Some(&last) == server.expected().last());
}

#[test]
fn a_program_on_tokio_gets_every_event_once_across_twenty_restarts_of_the_server() {
    let mut server = Restarting::new(EVENTS);
    let mut got = Vec::with_capacity(EVENTS);
    block_on(async {
        let client = server.bookmarked().start().unwrap();
        let mut client = AsyncClient::new(client).unwrap();
        while got.len() < EVENTS {
            got.push(client.next().await.unwrap().data);
            server.after(got.len());
            // Events of one connection are acknowledged on the next one.
            if got.len().is_multiple_of(1000) {
                client.client().acknowledge().unwrap();
            }
            // The program itself restarts in the middle.
            if got.len() == EVENTS / 2 {
                drop(client);
                let again = server.bookmarked().start().unwrap();
                client = AsyncClient::new(again).unwrap();
            }
        }
    });
    assert_eq!(server.restarts, RESTARTS);
    assert!(got == server.expected(), "each once, and in order");
}

#[test]
fn what_was_handed_out_and_not_acknowledged_comes_again_after_a_restart_only() {
    for has_state in [true, false] {
        let mut server = Restarting::new(3000);
        let expected = server.expected();
        let builder = match has_state {
            true => server.bookmarked(),
            false => server.client(),
        };
        let mut client = builder.connect().unwrap();
        let mut got = Vec::new();
        let mut take = |client: &mut Client, count: usize| {
            for _ in 0..count {
                got.push(client.receive(SOON).unwrap().unwrap().data.to_vec());
            }
        };
        take(&mut client, 900);
        client.acknowledge().unwrap();
        take(&mut client, 450);
        server.stop();
        server.start();
        take(&mut client, 300);
        assert!(got == expected[..1650], "the connection made no difference");
        if has_state {
            // Acknowledged once for both connections, and then not any more.
            client.acknowledge().unwrap();
            client.receive(SOON).unwrap().unwrap();
            drop(client);
            let mut client = server.bookmarked().connect().unwrap();
            let next = client.receive(SOON).unwrap().unwrap();
            assert!(next.data == expected[1650]);
        }
    }
}

#[test]
fn another_server_of_a_pair_goes_on_where_the_first_one_ended() {
    let mut server = Restarting::new(6000);
    let other = server.pki.server().archive(server.archive.clone());
    let other = other.bundle(70).spawn().unwrap();
    let log = Log::default();
    let pair = server.client().server(&other.address().to_string());
    let mut client = pair.on_change(log.keep()).connect().unwrap();
    let mut got = Vec::new();
    for event in client.by_ref().take(6000) {
        got.push(event.unwrap().data);
        if got.len() == 2500 {
            server.stop();
        }
    }
    assert!(got == server.expected(), "each once, and in order");
    assert_eq!(log.count(&format!("connected to {}", other.address())), 1);
    assert!(log.count(&format!("Trying {} now", other.address())) > 0);
}

#[test]
fn a_server_that_is_away_is_waited_for_and_the_log_names_cause_and_delay() {
    let mut server = Restarting::new(10);
    server.stop();
    let changes = Log::default();
    let delays: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let (mut keep, kept) = (changes.keep(), delays.clone());
    let client = server.client().on_change(move |change| {
        keep(change);
        if let ConnectionChange::Disconnected {
            next: NextAttempt::In(delay),
            error,
            ..
        } = change
        {
            assert_eq!(error.kind(), ErrorKind::Connection);
            kept.lock().unwrap().push(*delay);
        }
    });
    let mut client = client.connect().unwrap();
    let soon = Some(Duration::from_millis(1500));
    assert!(client.receive(soon).unwrap().is_none(), "no error");
    assert!(!client.is_connected());
    let delays = delays.lock().unwrap().clone();
    assert!(delays[0] > Duration::from_millis(700), "{delays:?}");
    assert!(delays[0] <= Duration::from_secs(1), "{delays:?}");
    let told = changes.lines();
    assert!(told.contains("nothing listens"), "{told}");
    let delay = format!("Trying again in {} ms", delays[0].as_millis());
    assert!(told.contains(&delay), "{told}");
    server.start();
    let record = client.receive(SOON).unwrap().unwrap();
    assert!(record.data == server.expected()[0]);
}

#[test]
fn a_step_never_waits_and_the_descriptor_alone_wakes_the_program() {
    let server = Restarting::new(2000);
    let client = server.client().start().unwrap();
    block_on(async {
        let mut client = AsyncClient::new(client).unwrap();
        let mut got = 0;
        while got < 2000 {
            let start = Instant::now();
            while client.client().poll().unwrap().is_some() {
                got += 1;
                // A program that takes few at a time is not made to wait for the others.
                if got % 7 == 0 {
                    break;
                }
            }
            let took = start.elapsed();
            assert!(took < Duration::from_millis(900), "{took:?}");
            client.client().acknowledge().unwrap();
            let due = client.client().due();
            assert!(due <= Duration::from_secs(1));
            if !due.is_zero() && got < 2000 {
                let ready = tokio::time::timeout(SOON.unwrap(), client.ready()).await;
                ready.expect("it wakes").unwrap();
            }
        }
    });
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(future)
}

#[test]
fn the_forms_of_the_request_are_tried_until_the_server_answers() {
    let pki = Pki::new();
    let server = pki
        .server()
        .count(5)
        .request_length(RequestLength::Inclusive);
    let server = server.spawn().unwrap();
    let log = Log::default();
    let client = Client::builder(&server.address().to_string())
        .pkcs12(pki.scratch("pki/client.p12"), "estreamer")
        .from(InitialTimestamp::OLDEST)
        .request_timeout(Duration::from_millis(300))
        .quirks(Quirks::NONE.with(Quirk::ErrorNul))
        .bind("127.0.0.1".parse().unwrap())
        .on_change(log.keep())
        .reconnecting();
    let mut client = client.connect().unwrap();
    for _ in 0..5 {
        client.receive(SOON).unwrap().unwrap();
    }
    assert_ne!(client.request_form(), RequestForm::default());
    assert!(client.is_answered());
    assert!(log.count("another form of the request") > 0);
}

#[test]
fn what_no_attempt_repairs_ends_it() {
    let server = Restarting::new(10);
    let refused = |builder: Builder| builder.connect().unwrap_err();
    let wrong = server
        .client()
        .pkcs12(server.pki.scratch("pki/client.p12"), "wrong");
    assert_eq!(refused(wrong).kind(), ErrorKind::Identity);
    assert_eq!(
        refused(server.client().json("{}")).kind(),
        ErrorKind::Request
    );
    // Only the server knows the fields, and it never answered this client.
    let unknown = server.client().fields(EventKind::File, &["FileNaem"]);
    let mut client = unknown.connect().unwrap();
    let error = client.receive(SOON).unwrap_err();
    let end = End::PeerError { code: 3 };
    assert_eq!(error.kind(), ErrorKind::Ended(end), "{error}");
    assert!(error.what().contains("no form of the request"), "{error}");
    let error = client.receive(SOON).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ended(End::Closed), "{error}");
    let _first = server.bookmarked().connect().unwrap();
    let error = refused(server.bookmarked());
    assert_eq!(error.kind(), ErrorKind::Bookmark);
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    assert!(causes[0].contains("in use"), "{error}");
}
