//! How often a connection hands over the records that it receives.

use std::fs;
use std::time::Duration;

use estreamer_core::wire::{EventStreamRequest, InitialTimestamp, Message, RequestFlags};
use estreamer_mio::buffer::{Batch, Pool};
use estreamer_mio::client::{ClientConnection, ClientEvent, ClientOptions};
use estreamer_mio::event_loop::EventLoop;
use estreamer_mio::tls::{ClientTls, Identity, ServerRules};
use estreamer_simulate::Simulator;
use estreamer_tests::{Ended, Pki, estreamer, wait_until};

/// Events of the server, each in a bundle of its own.
const EVENTS: usize = 2000;
/// An arena larger than all of them, and a small one.
const ALL: usize = 8 << 20;
const SMALL: usize = 64 << 10;

#[test]
fn records_gather_for_two_milliseconds_after_a_batch() {
    let mut connection = Connection::new(4096, ALL, 64 << 20);
    let times = connection.receive_all();
    for pair in times.windows(2) {
        let apart = pair[1].after - pair[0].before;
        assert!(apart >= 2, "{apart} ms, with {} batches", times.len());
    }
    // Nothing is left to gather, so no memory is used.
    for _ in 0..100 {
        connection.round(drop);
    }
    assert_eq!(connection.pool.used(), 0);
}

#[test]
fn records_do_not_gather_while_the_server_waits_for_their_delivery() {
    let mut connection = Connection::new(0, ALL, 64 << 20);
    let times = connection.receive_all();
    assert_eq!(times.len(), EVENTS);
    let mut pairs = times.windows(2);
    assert!(pairs.any(|pair| pair[1].after - pair[0].before < 2));
}

#[test]
fn who_waits_for_memory_sleeps() {
    let mut connection = Connection::new(4096, SMALL, 8 * SMALL);
    let pool = connection.pool.clone();
    let mut held = Vec::new();
    // Their bookkeeping takes less than an arena.
    wait_until(|| {
        connection.round(|batch| held.push(batch));
        pool.used() + 2 * SMALL > pool.budget()
    });
    for _ in 0..100 {
        connection.round(|batch| held.push(batch));
    }
    assert!(connection.event_loop.time_to_wait() > Duration::from_millis(100));
}

#[test]
fn a_server_is_not_late_while_we_have_no_memory_to_read_what_it_sends() {
    let mut connection = Connection::new(4096, SMALL, 4 * SMALL);
    let mut held = Vec::new();
    // What keeps account of the records takes a part of the last arena.
    while connection.pool.used() < 3 * SMALL {
        connection.round(|batch| held.push(batch));
    }
    connection.add(Duration::from_millis(200));
    let from = connection.event_loop.now().0;
    while connection.event_loop.now().0 < from + 1000 {
        // If it ended, this would panic.
        connection.round(|batch| held.push(batch));
    }
    assert_eq!(connection.connected, 1);
    held.clear();
    while connection.connected < 2 {
        connection.round(drop);
    }
}

/// A connection to a server, with everything that it needs.
struct Connection {
    event_loop: EventLoop<ClientConnection>,
    pool: Pool,
    server: Simulator,
    pki: Pki,
    /// How many handshakes are complete.
    connected: usize,
}

/// The milliseconds of the loop's clock before and after a batch was handed over.
struct Times {
    before: u64,
    after: u64,
}

impl Connection {
    /// Connects; `ahead` bundles are acknowledged before they are delivered.
    fn new(ahead: u32, arena: usize, memory: usize) -> Self {
        let pki = Pki::new();
        let server = pki.server().count(EVENTS as u64).bundle(1).spawn().unwrap();
        let mut event_loop = EventLoop::new().unwrap();
        let pool = Pool::new(arena, memory, event_loop.handle());
        let options = options(&server, pool.clone(), ahead);
        let client = ClientConnection::new(&tls(&pki), options, event_loop.now()).unwrap();
        event_loop.add(client).unwrap();
        Self {
            event_loop,
            pool,
            server,
            pki,
            connected: 0,
        }
    }

    /// Adds another client with the same memory, whose handshake may take so long.
    fn add(&mut self, handshake: Duration) {
        let mut options = options(&self.server, self.pool.clone(), 0);
        options.handshake_timeout = handshake;
        let now = self.event_loop.now();
        let client = ClientConnection::new(&tls(&self.pki), options, now).unwrap();
        self.event_loop.add(client).unwrap();
    }

    /// Waits for something, but not for long. Each batch counts as delivered.
    fn round(&mut self, mut take: impl FnMut(Batch)) {
        self.event_loop
            .wait(Some(Duration::from_millis(1)))
            .unwrap();
        while let Some((_, client)) = self.event_loop.next_turn() {
            while let Some(event) = client.poll_event() {
                match event {
                    ClientEvent::Batch(batch) => {
                        client.delivered(batch.units());
                        take(batch);
                    }
                    ClientEvent::Ended(end) => panic!("{end}"),
                    ClientEvent::Connected => self.connected += 1,
                    _ => {}
                }
            }
        }
    }

    /// Receives all events. Returns when each batch was handed over.
    fn receive_all(&mut self) -> Vec<Times> {
        let (mut times, mut events) = (Vec::new(), 0);
        while events < EVENTS {
            let before = self.event_loop.now().0;
            assert!(before < 60_000, "{events} events in a minute");
            let mut batches = 0;
            self.round(|batch| {
                batches += 1;
                events += batch.records().len();
            });
            let after = self.event_loop.now().0;
            times.extend((0..batches).map(|_| Times { before, after }));
        }
        times
    }
}

/// How this end connects to the server and asks for everything.
fn options(server: &Simulator, pool: Pool, ahead: u32) -> ClientOptions {
    let said = Ended::of(&mut estreamer(&["request"])).success().stdout;
    let said = String::from_utf8(said).unwrap();
    let block = said.lines().find(|line| line.starts_with('{')).unwrap();
    let request = Message::Request(EventStreamRequest {
        from: InitialTimestamp::OLDEST,
        flags: RequestFlags::EXTENDED_HEADER,
        block: block.as_bytes(),
    });
    let mut message = vec![0; request.encoded_len()];
    request.emit(&mut message).unwrap();
    let mut options = ClientOptions::new(server.address(), message, pool);
    options.session.ahead = ahead;
    options.gather = true;
    let limits = &mut options.session.limits;
    let largest = 100_000;
    (limits.record, limits.request, limits.message) = (largest, largest, largest);
    options
}

fn tls(pki: &Pki) -> ClientTls {
    let file = |name: &str| fs::read(pki.file(name)).unwrap();
    let (certificate, key, ca) = (file("client.pem"), file("client.key"), file("ca.pem"));
    let identity = Identity::from_pem(&certificate, &key, &ca).unwrap();
    ClientTls::new(&identity, ServerRules::default()).unwrap()
}
