//! How often a connection hands over the records that it receives.

use std::fs;
use std::time::{Duration, Instant};

use estreamer_core::wire::{EventStreamRequest, InitialTimestamp, Message, RequestFlags};
use estreamer_mio::buffer::Pool;
use estreamer_mio::client::{ClientConnection, ClientEvent, ClientOptions};
use estreamer_mio::event_loop::EventLoop;
use estreamer_mio::tls::{ClientTls, Identity, ServerRules};
use estreamer_simulate::Simulator;
use estreamer_tests::{Ended, Pki, estreamer};

/// Events of the server, each in a bundle of its own.
const EVENTS: usize = 2000;

#[test]
fn records_of_a_fast_server_gather_for_two_milliseconds() {
    let pki = Pki::new();
    // The loop's clock counts whole milliseconds, so that two may be little more than one.
    let (batches, milliseconds) = batches(&pki, 4096);
    assert!(
        batches <= milliseconds + 2,
        "{batches} batches in {milliseconds} ms"
    );
}

#[test]
fn records_do_not_gather_while_the_server_waits_for_their_delivery() {
    let pki = Pki::new();
    let (batches, milliseconds) = batches(&pki, 0);
    assert_eq!(batches, EVENTS as u128, "in {milliseconds} ms");
}

#[test]
fn who_waits_for_memory_sleeps() {
    const LARGEST: u32 = 100_000;
    let pki = Pki::new();
    let server = pki.server().count(1000).spawn().unwrap();
    let mut event_loop = EventLoop::new().unwrap();
    let pool = Pool::new(ARENA, 8 * ARENA, event_loop.handle());
    let mut options = options(&server, pool.clone(), 4096);
    let limits = &mut options.session.limits;
    (limits.record, limits.request, limits.message) = (LARGEST, LARGEST, LARGEST);
    let client = ClientConnection::new(&tls(&pki), options, event_loop.now()).unwrap();
    event_loop.add(client).unwrap();
    let mut held = Vec::new();
    let mut rounds_of_nothing = 0;
    while rounds_of_nothing < 100 {
        event_loop.wait(Some(Duration::from_millis(1))).unwrap();
        rounds_of_nothing += 1;
        while let Some((_, client)) = event_loop.next_turn() {
            while let Some(event) = client.poll_event() {
                if let ClientEvent::Batch(batch) = event {
                    client.delivered(batch.units());
                    held.push(batch);
                    rounds_of_nothing = 0;
                }
            }
        }
    }
    assert!(pool.used() > 0 && held.len() > 4, "{} batches", held.len());
    assert!(event_loop.time_to_wait() > Duration::from_millis(100));
}

const ARENA: usize = 64 << 10;

/// Receives everything from a server that sends a bundle for each null message, with `ahead`
/// of them, and delivers each batch at once. Returns the batches, and the time that it took.
fn batches(pki: &Pki, ahead: u32) -> (u128, u128) {
    let server = pki.server().count(EVENTS as u64).bundle(1).spawn().unwrap();
    let mut event_loop = EventLoop::new().unwrap();
    let pool = Pool::new(ARENA, 32 << 20, event_loop.handle());
    let options = options(&server, pool, ahead);
    let client = ClientConnection::new(&tls(pki), options, event_loop.now()).unwrap();
    event_loop.add(client).unwrap();
    let start = Instant::now();
    let (mut batches, mut events) = (0, 0);
    while events < EVENTS {
        event_loop.wait(None).unwrap();
        while let Some((_, client)) = event_loop.next_turn() {
            while let Some(event) = client.poll_event() {
                match event {
                    ClientEvent::Batch(batch) => {
                        batches += 1;
                        events += batch.records().len();
                        client.delivered(batch.units());
                    }
                    ClientEvent::Ended(end) => panic!("{end}"),
                    _ => {}
                }
            }
        }
    }
    (batches, start.elapsed().as_millis())
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
    options
}

fn tls(pki: &Pki) -> ClientTls {
    let file = |name: &str| fs::read(pki.file(name)).unwrap();
    let (certificate, key, ca) = (file("client.pem"), file("client.key"), file("ca.pem"));
    let identity = Identity::from_pem(&certificate, &key, &ca).unwrap();
    ClientTls::new(&identity, ServerRules::default()).unwrap()
}
