//! Events that the brokers refuse for good.

use estreamer_tests::{Fleet, Running, counted, lines, stored, wait_until};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::Value;

use estreamer_tests::cluster::{Cluster, assert_in_order, collect, is_done, sorted};

/// The events in the file for errors.
fn refused(fleet: &Fleet) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    for line in lines(&fleet.path("state/refused-kafka.ndjson")) {
        let line: Value = serde_json::from_slice(&line).unwrap();
        let event = line["estreamer_refused"]["event"].as_str().unwrap();
        events.push(event.as_bytes().to_vec());
    }
    events
}

#[test]
fn an_event_that_is_too_large_goes_to_the_file_for_errors_and_is_counted() {
    let (fleet, cluster) = (Fleet::new(), Cluster::new(1));
    let server = fleet.server(1, 400, |builder| builder);
    let keys = "option = { \"message.max.bytes\" = 1000 }\n";
    let running = collect(&fleet, &server, &cluster.url("ftd"), keys);
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    let (received, refused) = (cluster.read("ftd"), refused(&fleet));
    assert!(!refused.is_empty() && !received.is_empty());
    let count = counted(&ended.stderr, "refused by receivers");
    assert_eq!(count, refused.len() as u64);
    assert!(
        ended.stderr.contains("message.max.bytes"),
        "{}",
        ended.stderr
    );
    let mut all = [sorted(&received), refused].concat();
    all.sort();
    assert!(all == stored([&server]), "{}", ended.stderr);
    assert_in_order(&received, &server);
    // Nothing comes again.
    let ended = Running::until_served(&mut fleet.collect(), &[&server]).success();
    assert!(ended.stderr.contains("0 events"), "{}", ended.stderr);
}

#[test]
fn a_request_that_is_too_large_is_sent_again_in_smaller_ones_and_nothing_is_refused() {
    let (fleet, cluster) = (Fleet::new(), Cluster::new(1));
    cluster.mock.create_topic("ftd", 1, 1).unwrap();
    let too_large = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE; 3];
    cluster
        .mock
        .request_errors(RDKafkaApiKey::Produce, &too_large);
    let server = fleet.server(1, 400, |builder| builder);
    let running = collect(&fleet, &server, &cluster.url("ftd"), "");
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    let received = cluster.read("ftd");
    assert!(sorted(&received) == stored([&server]), "{}", ended.stderr);
    assert_in_order(&received, &server);
    assert!(!fleet.path("state/refused-kafka.ndjson").exists());
}

#[test]
fn the_event_that_makes_the_broker_refuse_a_request_is_found_and_the_others_arrive() {
    let (fleet, cluster) = (Fleet::new(), Cluster::new(1));
    cluster.mock.create_topic("ftd", 1, 1).unwrap();
    // First the request with all events, then the first event alone.
    let invalid = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD; 2];
    cluster
        .mock
        .request_errors(RDKafkaApiKey::Produce, &invalid);
    let server = fleet.server(1, 300, |builder| builder);
    let keys = "option = { linger.ms = 3000, max.in.flight = 1 }\n";
    let running = collect(&fleet, &server, &cluster.url("ftd"), keys);
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    let (received, refused) = (cluster.read("ftd"), refused(&fleet));
    let first = server.archive().events().remove(0).data;
    assert_eq!(refused, [first], "{}", ended.stderr);
    assert_eq!(counted(&ended.stderr, "refused by receivers"), 1);
    let mut all = [sorted(&received), refused].concat();
    all.sort();
    assert!(all == stored([&server]), "{}", ended.stderr);
    assert_in_order(&received, &server);
}

#[test]
fn a_full_disk_under_the_file_for_errors_holds_the_event_back() {
    let (fleet, cluster) = (Fleet::new(), Cluster::new(1));
    let server = fleet.server(1, 50, |builder| builder);
    let keys = "errors = \"/dev/full\"\noption = { message.max.bytes = 1000 }\n";
    let running = collect(&fleet, &server, &cluster.url("ftd"), keys);
    running.wait_for("cannot keep refused events in /dev/full");
    running.stop();
    // With room, it is refused then.
    let running = collect(
        &fleet,
        &server,
        &cluster.url("ftd"),
        "option = { message.max.bytes = 1000 }\n",
    );
    running.wait_for("message.max.bytes");
    wait_until(|| {
        let file = std::fs::read(fleet.path("state/refused-kafka.ndjson")).unwrap_or_default();
        let refused = file.iter().filter(|byte| **byte == b'\n').count();
        cluster.read("ftd").len() + refused >= 50
    });
    let ended = running.stop().success();
    let mut all = [sorted(&cluster.read("ftd")), refused(&fleet)].concat();
    all.sort();
    all.dedup();
    assert!(all == stored([&server]), "{}", ended.stderr);
}
