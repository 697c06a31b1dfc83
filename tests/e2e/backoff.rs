//! A server that makes no progress is asked less and less often.

use std::time::{Duration, Instant};

use estreamer_simulate::Simulator;
use estreamer_simulate::chaos::ChaosKind;
use estreamer_tests::{Pki, Running, collect};

#[test]
fn a_server_that_sends_one_null_and_closes_is_not_asked_ten_times_a_second() {
    let pki = Pki::new();
    let builder = Simulator::with_identity(pki.identity()).count(10);
    let builder = builder.chaos(ChaosKind::NullClose).chaos_connections(1000);
    let server = builder.spawn().unwrap();
    let address = server.address().to_string();
    let running = Running::start(&mut collect(&pki, &address, &["--from", "oldest"]));
    assert!(server.wait(|connections| !connections.is_empty()));
    let start = Instant::now();
    // Waits of 0.1, 0.2, 0.4 … 3.2 s, each shorter by a fifth at most.
    assert!(server.wait(|connections| connections.len() >= 7));
    let elapsed = start.elapsed();
    assert!(elapsed > Duration::from_secs(5), "{elapsed:?}");
    // Told once, with the connection that was made again; more than a minute later, the rest.
    let said = running.said();
    assert_eq!(said.matches("Trying again in").count(), 1, "{said}");
    assert_eq!(said.matches("reconnected to").count(), 1, "{said}");
    running.stop().success();
}
