//! Brokers that are away, slow or silent, and errors that pass.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use estreamer_tests::{Fleet, Running, counted, http, stored, wait_until, warnings};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use estreamer_tests::cluster::{
    Cluster, assert_in_order, collect, configure, count, distinct, is_done, sorted, wait_for,
};

/// What brokers answer when they have trouble.
const PASSING: [RDKafkaRespErr; 8] = [
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
];

/// What makes a client start again: the broker has lost what it knew of this client, or no
/// longer lets it write.
const ENDING: [RDKafkaRespErr; 4] = [
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
    RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
];

#[test]
fn errors_that_pass_lose_nothing_repeat_nothing_and_keep_the_order() {
    let (fleet, cluster) = (Fleet::new(), Cluster::new(2));
    cluster.mock.create_topic("ftd", 3, 2).unwrap();
    cluster
        .mock
        .request_errors(RDKafkaApiKey::Produce, &PASSING);
    let server = fleet.server(1, 2000, |builder| builder.unacknowledged(16));
    let running = collect(&fleet, &server, &cluster.url("ftd"), "");
    wait_for(&cluster, "ftd", 2000);
    let ended = running.stop().success();
    let received = cluster.read("ftd");
    assert!(sorted(&received) == stored([&server]), "{}", ended.stderr);
    assert_in_order(&received, &server);
    assert!(!fleet.path("state/refused-kafka.ndjson").exists());
}

#[test]
fn an_error_that_ends_the_client_is_told_and_loses_nothing_and_keeps_the_order() {
    for error in ENDING {
        let (fleet, cluster) = (Fleet::new(), Cluster::new(1));
        cluster.mock.create_topic("ftd", 2, 1).unwrap();
        let server = fleet.server(1, 1000, |builder| builder.unacknowledged(16));
        let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR, error, error];
        cluster.mock.request_errors(RDKafkaApiKey::Produce, &errors);
        let running = collect(&fleet, &server, &cluster.url("ftd"), "");
        wait_for(&cluster, "ftd", 1000);
        let ended = running.stop().success();
        let received = cluster.read("ftd");
        let said = &ended.stderr;
        assert!(
            distinct(&received) == stored([&server]),
            "{error:?}: {said}"
        );
        assert_in_order(&received, &server);
        assert!(
            said.contains("output kafka: cannot write: "),
            "{error:?}: {said}"
        );
        assert!(!fleet.path("state/refused-kafka.ndjson").exists());
    }
}

#[test]
fn a_cluster_that_is_away_at_first_and_again_later_has_everything_in_the_end() {
    let (fleet, cluster) = (Fleet::new(), Cluster::new(1));
    cluster.mock.create_topic("ftd", 2, 1).unwrap();
    cluster.mock.broker_down(-1).unwrap();
    let server = fleet.server(1, 500, |builder| builder);
    let output = Fleet::output(&cluster.url("ftd")) + "name = \"kafka\"\n";
    let listen = "[listen]\naddress = \"127.0.0.1:0\"\n".into();
    fleet.configure("", &[listen, Fleet::source("fmc", &server), output]);
    let running = Running::start(&mut fleet.collect());
    let status = http::listening(&running);
    running.wait_for("output kafka: cannot write: ");
    assert_eq!(warnings(&running.said()).len(), 1, "{}", running.said());
    cluster.mock.broker_up(-1).unwrap();
    running.wait_for("output kafka: works again after");
    wait_for(&cluster, "ftd", 500);
    cluster.mock.broker_down(-1).unwrap();
    server.archive().store(500);
    wait_until(|| !http::status(&status)["outputs"][0]["failure"].is_null());
    cluster.mock.broker_up(-1).unwrap();
    wait_for(&cluster, "ftd", 1000);
    let ended = running.stop().success();
    let received = cluster.read("ftd");
    assert!(sorted(&received) == stored([&server]), "{}", ended.stderr);
    assert_in_order(&received, &server);
}

#[test]
fn a_slow_cluster_is_waited_for_and_nothing_is_told_of_it() {
    let (fleet, cluster) = (Fleet::new(), Cluster::new(1));
    cluster.mock.create_topic("ftd", 2, 1).unwrap();
    cluster
        .mock
        .broker_round_trip_time(-1, Duration::from_millis(700))
        .unwrap();
    let server = fleet.server(1, 300, |builder| builder);
    let running = collect(&fleet, &server, &cluster.url("ftd"), "");
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    assert!(sorted(&cluster.read("ftd")) == stored([&server]));
    assert_eq!(warnings(&ended.stderr), [""; 0], "{}", ended.stderr);
}

#[test]
fn a_broker_that_never_answers_is_shown_as_failing_and_does_not_keep_a_stop_waiting() {
    // The kernel takes the connection, and nobody reads.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let fleet = Fleet::new();
    let server = fleet.server(1, 300, |builder| builder);
    let output = Fleet::output(&format!("kafka://{address}/ftd")) + "name = \"kafka\"\n";
    let tables = [
        Fleet::source("fmc", &server),
        output,
        "[listen]\naddress = \"127.0.0.1:0\"\n".into(),
    ];
    fleet.configure("shutdown = 1", &tables);
    let running = Running::start(&mut fleet.collect());
    let status = http::listening(&running);
    wait_until(|| !http::status(&status)["outputs"][0]["failure"].is_null());
    running.wait_for("the brokers do not acknowledge events");
    let began = Instant::now();
    running.stop();
    assert!(began.elapsed() < Duration::from_secs(20));
    // What it held comes again.
    let cluster = Cluster::new(1);
    configure(&fleet, &server, &cluster.url("ftd"), "");
    let running = Running::start(&mut fleet.collect());
    wait_for(&cluster, "ftd", 300);
    running.stop().success();
    assert!(sorted(&cluster.read("ftd")) == stored([&server]));
}

#[test]
fn a_topic_that_does_not_exist_is_named_and_waited_for() {
    let (fleet, cluster) = (Fleet::new(), Cluster::new(1));
    let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    cluster.mock.topic_error("ftd", unknown).unwrap();
    let server = fleet.server(1, 200, |builder| builder);
    let keys = "option = { topic.metadata.propagation.max.ms = 500 }\n";
    let running = collect(&fleet, &server, &cluster.url("ftd"), keys);
    running.wait_for("the brokers have no topic ftd");
    let none = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
    cluster.mock.topic_error("ftd", none).unwrap();
    wait_for(&cluster, "ftd", 200);
    let ended = running.stop().success();
    let received = cluster.read("ftd");
    assert!(sorted(&received) == stored([&server]), "{}", ended.stderr);
    assert_in_order(&received, &server);
}

#[test]
fn an_output_that_is_not_required_counts_what_the_cluster_did_not_get() {
    let (fleet, cluster) = (Fleet::new(), Cluster::new(1));
    cluster.mock.broker_down(-1).unwrap();
    let server = fleet.server(1, 200, |builder| builder);
    let tables = [
        Fleet::source("fmc", &server),
        Fleet::output("file:out.ndjson"),
        Fleet::output(&cluster.url("ftd")) + "required = false\n",
    ];
    fleet.configure("", &tables);
    let running = Running::start(&mut fleet.collect());
    running.wait_for("cannot write");
    wait_until(|| is_done(&server));
    let ended = running.stop().success();
    let dropped = counted(&ended.stderr, "dropped by outputs");
    assert_eq!(dropped, 200, "{}", ended.stderr);
}

#[test]
fn a_kill_loses_nothing_and_only_events_that_were_not_recorded_come_again() {
    let (fleet, cluster) = (Fleet::new(), Cluster::new(1));
    cluster.mock.create_topic("ftd", 2, 1).unwrap();
    let server = fleet.server(1, 3000, |builder| builder.unacknowledged(16));
    let options = rdkafka::config::ClientConfig::new();
    configure(&fleet, &server, &cluster.url("ftd"), "");
    for limit in [500, 1500, 2500] {
        let running = Running::start(&mut fleet.collect());
        wait_until(|| count(&options, &cluster.brokers, "ftd") >= limit);
        running.kill();
    }
    let before = server.connections().len();
    let running = Running::start(&mut fleet.collect());
    wait_until(|| server.connections().len() > before && is_done(&server));
    let ended = running.stop().success();
    let received = cluster.read("ftd");
    assert!(distinct(&received) == stored([&server]), "{}", ended.stderr);
    assert_in_order(&received, &server);
    // Each kill repeats at most what was not recorded.
    assert!(received.len() <= 4 * 3000, "{} messages", received.len());
}

#[test]
fn a_cluster_that_is_away_holds_the_servers_back_and_the_memory_stays_bounded() {
    let (fleet, cluster) = (Fleet::new(), Cluster::new(1));
    cluster.mock.create_topic("ftd", 4, 1).unwrap();
    cluster.mock.broker_down(-1).unwrap();
    let server = fleet.server(1, 60_000, |builder| builder.unacknowledged(16));
    let running = collect(&fleet, &server, &cluster.url("ftd"), "");
    running.wait_for("output kafka: cannot write: ");
    let sent = || {
        server
            .connections()
            .iter()
            .map(|one| one.events)
            .sum::<u64>()
    };
    let (mut last, mut since) = (0, Instant::now());
    wait_until(|| {
        if sent() != last {
            (last, since) = (sent(), Instant::now());
        }
        since.elapsed() > Duration::from_secs(3)
    });
    assert!(last < 60_000, "the server waits: {last} events");
    cluster.mock.broker_up(-1).unwrap();
    wait_until(|| is_done(&server) && sent() == 60_000);
    let peak = running.peak().unwrap();
    println!("{last} events were held, {peak} KiB at most");
    assert!(peak < 128 * 1024, "{peak} KiB");
    let ended = running.stop().success();
    assert!(ended.stderr.contains("60000 events"), "{}", ended.stderr);
}
